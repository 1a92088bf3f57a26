"""check, echo, docs, version, run: right and wrong input; colours and progress on a terminal."""

import json
import os
import pty
import re
import subprocess

import pytest

from kit import HEED, event

CONFIG = """
heed: 1
name: shop
store: sqlite:shop.db
models:
  quick: {provider: rules, rules: '{ok: true}'}
sources:
  web: {type: http, listen: "127.0.0.1:0"}
reactions:
  judge: &judge
    on: order_placed
    ask: {model: quick, prompt: "Well? {{ .event.data }}", answer: {type: object}}
  again:
    <<: *judge
    on: order_changed
  fail:
    on: order_lost
    when: .event.data.total * 1 > 0
    then: [{log: {message: "${WORD:-lost}"}}]
"""


@pytest.fixture
def heed(make_heed):
    return make_heed(CONFIG)


def test_right(heed):
    assert "1 model, 1 source, 3 reactions" in heed.command("check").stdout
    assert json.loads(heed.command("check", "--json").stdout)["ok"] is True
    echoed = json.loads(heed.command("echo").stdout)
    assert echoed["reactions"]["again"]["ask"] == echoed["reactions"]["judge"]["ask"]
    assert echoed["reactions"]["fail"]["then"][0]["log"]["message"] == "${WORD:-lost}"
    assert heed.command("echo", "--json").stdout.count("\n") == 1
    assert "libuv" in heed.command("version").stdout
    version = json.loads(heed.command("version", "--json").stdout)
    assert {"http", "schedule", "file"} <= set(version["sources"]) and version["version"]
    assert heed.command("--version").stdout == heed.command("version").stdout


def test_docs(heed):
    assert "retry" in heed.command("docs").stdout
    assert "attempts" in heed.command("docs", "retry").stdout
    both = heed.command("docs", "http").stdout  # a source and an action have this name
    assert "source http: " in both and "mapping" in both
    assert "action http: " in both and "keyed" in both
    assert "| " in heed.command("docs", "--markdown", "retry", "limits").stdout
    topics = [json.loads(line) for line in heed.command("docs", "--json").stdout.splitlines()]
    assert {"file", "models", "retry", "http"} <= {topic["topic"] for topic in topics}
    assert all(topic["schema"]["type"] == "object" for topic in topics)
    schema = json.loads(heed.command("docs", "--schema").stdout)
    assert "reactions" in schema["properties"]


@pytest.mark.parametrize("command", ["check", "echo", "run", "dev"])
def test_a_wrong_file(heed, command):
    heed.config.write_text(CONFIG.replace("prompt:", "promt:").replace("on: order_lost", "onn: order_lost"))
    done = heed.command(command, check=False)
    assert done.returncode == 78 and done.stdout == ""
    for part in ["heed.yaml:12:", 'did you mean "prompt"?', 'did you mean "on"?', "problems in heed.yaml"]:
        assert part in done.stderr
    missing = heed.command(command, "nowhere.yaml", check=False)
    assert missing.returncode == 1 and "nowhere.yaml" in missing.stderr and "--config FILE" in missing.stderr


@pytest.mark.parametrize(
    "words, says",
    [
        (["docs", "retyr"], 'did you mean "retry"?'),
        (["docs", "--markdwon"], "did you mean --markdown?"),
        (["version", "--jsno"], "did you mean --json?"),
        (["check", "--config"], "--config needs a value"),
        (["run", "--onec"], "did you mean --once?"),
        (["eplain", "1"], 'did you mean "explain"?'),
        (["dlq", "shwo", "1"], 'did you mean "show"?'),
    ],
)
def test_typos(heed, words, says):
    done = heed.command(*words, check=False)
    assert done.returncode == 2 and says in done.stderr and "see: heed" in done.stderr or "needs a value" in says


# ---- on a terminal -----------------------------------------------------------------------


def on_terminal(heed, *words, **env):
    """What a command writes to a terminal."""
    master, slave = pty.openpty()
    process = subprocess.Popen([HEED, *words], cwd=heed.folder, stdin=slave, stdout=slave, stderr=slave,
                               env={**os.environ, "TERM": "xterm", **env})
    os.close(slave)
    said = b""
    try:
        while chunk := os.read(master, 65536):
            said += chunk
    except OSError:
        pass
    os.close(master)
    process.wait(timeout=20)
    return said.decode()


@pytest.mark.parametrize("words, says", [
    (["runs", "dead"], '"dead" is too much'),
    (["check", "heed.yaml", "other.yaml"], '"other.yaml" is too much'),
    (["version", "now"], '"now" is too much'),
    (["runs", "--limit", "-1"], "--limit takes a number"),
    (["runs", "--since", "2026-13-45"], "--since does not take"),
    (["runs", "--state", "dead,gone"], 'there is no state "gone"'),
    (["cost", "--by", "foo"], "--by does not take"),
    (["explain", ""], "name one run or one event"),
])
def test_wrong_usage_says_so_and_prints_nothing(heed, words, says):
    heed.start()
    heed.stop()
    done = heed.command(*words, check=False)
    assert done.returncode == 2 and says in done.stderr and done.stdout == ""


def test_colours_are_for_terminals(heed):
    heed.start()
    heed.post(event(1, type="order_placed"), event(2, type="order_lost", total={}))
    heed.until("select count(*) from runs where state in (5, 6)", [(2,)])
    shown = on_terminal(heed, "runs")
    assert "\x1b[32mdone" in shown and "\x1b[31mdead" in shown
    assert "\x1b" not in on_terminal(heed, "runs", NO_COLOR="1")
    assert "\x1b" not in on_terminal(heed, "runs", TERM="dumb")
    assert "\x1b" not in heed.command("runs").stdout


def test_progress_is_shown_on_a_terminal(heed):
    """Four at two a second take more than a second: the line appears, and is taken away."""
    heed.start()
    heed.post(*[event(n, type="order_lost", total={}) for n in range(5)])
    heed.until("select count(*) from runs where state = 6", [(5,)])
    said = on_terminal(heed, "dlq", "redrive", "--all", "--yes", "--rate", "2/s", "--patch", ".data.total = 1")
    assert re.search(r"\rredrive \[#+\.+\] \d of 5, ", said), said
    assert said.rindex("\x1b[K") < said.rindex("5 runs redriven")
    quiet = heed.command("dlq", "ls", "--json")
    assert quiet.stderr == ""
