"""exec actions: real programs, bounded, cut off, hanging; effects that nobody knows about."""

import json
import os
import signal
import sqlite3
import time

import pytest

from kit import event, until
from web import Web

HEAD = """
heed: 1
name: shop
store: sqlite:shop.db
sources:
  web: {type: http, listen: "127.0.0.1:0"}
reactions:
  act:
    on: customer_created
    then:
"""


def script(folder, text, name="act.sh"):
    path = folder / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


def act(yaml):
    return HEAD + "".join(f"      {line}\n" for line in yaml.strip().splitlines())


def reply(heed, step="then.1"):
    return json.loads(heed.rows(f"select reply from journal where step = '{step}'")[0][0])


def test_what_it_gets_and_gives(make_heed, tmp_path):
    """Arguments as they are, JSON on standard input, a small environment, no other descriptor."""
    script(tmp_path, r"""
cat > input; printf '%s\n' "$@" > arguments; env > environment; pwd > folder
ls /proc/self/fd > descriptors; echo a word of warning >&2
printf '{"id": 9007199254740993, "of": "%s"}\n' "$HEED_EFFECT_KEY"
""")
    heed = make_heed(act("""
- exec:
    command: [./act.sh, -n, 5, "{{ .event.data.text }}", "{{ .event.data }}"]
    input: {event: .event.data, key: .effect_key, fixed: [1, "two"]}
    env: {SECRET: "${MY_SECRET}", WHO: "{{ .event.id }}"}
    pass: [PASSED, NOT_THERE]
- log: {message: "{{ .result.output.id }}"}
"""))
    heed.start(env={"MY_SECRET": "hunter2-very", "PASSED": "yes", "HIDDEN": "no"})
    heed.post(event(1, text="; rm -rf / $(id) `id` \"'\n"))
    heed.until("select count(*) from runs where state = 5", [(1,)])
    key = reply(heed)["output"]["of"]
    assert reply(heed) == {"output": {"id": 9007199254740993, "of": key}}
    given = json.loads((tmp_path / "input").read_text())
    assert given == {"event": {"id": 1, "email": "a@example.com", "employees": 500,
                               "text": "; rm -rf / $(id) `id` \"'\n"}, "key": key, "fixed": [1, "two"]}
    arguments = (tmp_path / "arguments").read_text()
    assert arguments.startswith("-n\n5\n; rm -rf / $(id) `id` \"'\n\n{\"id\":1")
    environment = dict(line.split("=", 1) for line in
                       (tmp_path / "environment").read_text().splitlines())
    assert environment["SECRET"] == "hunter2-very" and environment["WHO"] == "1"
    assert environment["PASSED"] == "yes" and environment["HEED_EFFECT_KEY"] == key
    assert not {"HIDDEN", "NOT_THERE", "MY_SECRET"} & environment.keys()
    assert (tmp_path / "folder").read_text().strip() == str(tmp_path)
    assert (tmp_path / "descriptors").read_text().split() == ["0", "1", "2", "3"]  # 3 is ls's own
    # The record shows the secret's name only.
    assert heed.stop() == 0
    assert b"hunter2" not in b"".join(p.read_bytes() for p in tmp_path.glob("shop.db*"))
    (request,), = heed.rows("select request from journal where step = 'then.1'")
    assert json.loads(request)["env"] == {"SECRET": "${MY_SECRET}", "WHO": "1"}


def test_no_other_descriptor(make_heed, tmp_path, database):
    """Nor those of connections that are kept: to services, to databases, to its own store."""
    script(tmp_path, "echo $(ls /proc/self/fd)\n")
    sqlite3.connect(tmp_path / "other.db").execute("create table t(n)")
    with Web() as web:
        heed = make_heed(act(f"""
- http: {{url: "{web.url}/"}}
- sql: {{connection: other, statement: insert into t values(1)}}
- sql: {{connection: pg, statement: select 1}}
- exec: {{command: [./act.sh]}}
""") + f"connections: {{other: sqlite:other.db, pg: '{database.url}'}}\n").start()
        heed.post(event(1))
        heed.until("select count(*) from runs where state = 5", [(1,)])
        assert reply(heed, "then.4")["output"].split() == ["0", "1", "2", "3"]
        assert heed.stop() == 0


@pytest.mark.parametrize("body, output", [
    ("", None), ("echo hello", "hello"), ("echo '[1, 2'", "[1, 2"), ("printf '\\377'", None),
    ("echo '{\"a\": 1}'", {"a": 1}), ("exec 1>&-; sleep 0.1", None),
    ("(sleep 3 >&2 2>&1 <&1 &) ; echo left", "left"),
], ids=["nothing", "text", "nearly", "bytes", "json", "closed", "background"])
def test_output(make_heed, tmp_path, body, output):
    script(tmp_path, body + "\n")
    heed = make_heed(act("- exec: {command: [./act.sh]}")).start()
    started = time.monotonic()
    heed.post(event(1))
    heed.until("select count(*) from runs where state = 5", [(1,)])
    assert time.monotonic() - started < 2.5
    got = reply(heed)
    assert got["output"] == output
    assert got.get("output_base64") == ("/w==" if "377" in body else None)


def test_exit_codes(make_heed, tmp_path):
    script(tmp_path, """
echo "try $1" >> tries; echo "what went wrong: $1" >&2
case $1 in 2) [ $(grep -c "try 2" tries) -ge 3 ];  [ $? = 0 ] || exit 75 ;; 3) exit 3 ;; esac
""")
    heed = make_heed(act("""
- exec: {command: [./act.sh, "{{ .event.data.id }}"]}
  retry: {attempts: 5, delay: 10ms}
""")).start()
    heed.post(event(1), event(2), event(3))
    heed.until("select count(*) from runs where state > 3", [(3,)])
    assert heed.rows("select state, text from runs order by id") == [
        (5, ""), (5, ""),
        (6, "step then.1 (exec): it ended with code 3: what went wrong: 3")]
    assert sorted((tmp_path / "tries").read_text().splitlines()) == [
        "try 1", "try 2", "try 2", "try 2", "try 3"]


@pytest.mark.parametrize("command, said", [
    ("[./not-there]", 'there is no program "./not-there"'),
    ("[no-such-program-anywhere]", 'there is no program "no-such-program-anywhere"'),
    ("[./heed.yaml]", "permission denied"),
    ("[/]", "permission denied"),
    ("[true], folder: nowhere", "cannot enter the folder"),
    ("['true', \"{{ [0] | implode }}\"]", "holds a NUL"),
])
def test_cannot_start(make_heed, command, said):
    heed = make_heed(act("- exec: {command: %s}" % command)).start()
    heed.post(event(1))
    heed.until("select count(*) from runs where state = 6", [(1,)])
    assert said in heed.rows("select text from runs")[0][0]


def test_bounds(make_heed, tmp_path):
    """Too long, too much, never reading: stopped with all that it started; unkeyed ones are held."""
    script(tmp_path, """
echo $$ > pid.$1
case $1 in
slow) sleep 9 & echo $! > pid.child; wait ;;
stubborn) trap '' TERM; for i in 1 2 3 4 5 6 7 8 9; do sleep 1; done ;;
bomb) yes ;;
crash) kill -SEGV $$ ;;
deaf) exit 0 ;;
esac
""")
    config = act("""
- exec: {command: [./act.sh, "{{ .event.data.how }}"], input: "{x: (\\"y\\" * 300000)}", output_max: 100KiB, keyed: false}
  timeout: 700ms
  retry: {attempts: 1}
""")
    heed = make_heed(config + config.split("reactions:\n")[1].replace("act:", "keyed:")
                     .replace("keyed: false", "keyed: true")).start()
    hows = ["slow", "stubborn", "bomb", "crash", "deaf"]
    heed.post(*[event(i, how=how) for i, how in enumerate(hows)])
    heed.until("select count(*) from runs where state > 3", [(10,)])
    texts = {(name, json.loads(body)["data"]["how"]): (state, text) for name, body, state, text in heed.rows(
        "select name, body, state, text from runs r join events e on e.seq = r.event_seq")}
    for name, state in (("act", 4), ("keyed", 6)):
        for how in hows[:4]:
            assert texts[name, how][0] == state, (name, how, texts[name, how])
        assert texts[name, "deaf"] == (5, "")
        assert "too long" in texts[name, "slow"][1] and "too long" in texts[name, "stubborn"][1]
        assert "output_max" in texts[name, "bomb"][1] and "signal 11" in texts[name, "crash"][1]
    for name in ("slow", "stubborn", "child", "bomb"):
        pid = int((tmp_path / f"pid.{name}").read_text())
        until(lambda: not os.path.exists(f"/proc/{pid}") or
              "Z" == open(f"/proc/{pid}/stat").read().split(") ")[1][0], 10)
    # ... and heed has no children left, not even dead ones
    children = open(f"/proc/{heed.process.pid}/task/{heed.process.pid}/children").read()
    assert children == ""
    assert heed.stop() == 0


UNKEYED = """
- exec: {command: [./act.sh, "{{ .event.id }}"]}
  timeout: 60s
  retry: {attempts: 3, delay: 10ms}
"""

def wait_for(file):
    """Shell that waits for a file; not for ever, so that a failed test leaves nothing behind."""
    return f"n=0; while [ ! -e {file} ] && [ $n -lt 500 ]; do sleep 0.02; n=$((n + 1)); done; "


SLOW = "echo began $1 >> log; " + wait_for("go") + "echo ended $1 >> log\n"


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


def test_cut_off_and_held(make_heed, tmp_path):
    """SIGKILL while an unkeyed program runs: it is not repeated, the run is held for a person."""
    script(tmp_path, SLOW)
    heed = make_heed(act(UNKEYED)).start()
    heed.post(event(1), event(2))
    until(lambda: len(lines(tmp_path / "log")) == 2)
    heed.stop(signal.SIGKILL)
    (tmp_path / "go").touch()
    heed.start()
    heed.until("select count(*) from runs where state = 4", [(2,)])
    assert "it is not known whether step then.1 (exec) happened" in heed.rows("select text from runs")[0][0]
    heed.post(event(3))
    heed.until("select count(*) from runs where state = 5", [(1,)])
    until(lambda: len(lines(tmp_path / "log")) == 6)  # the two went on by themselves
    assert sorted(lines(tmp_path / "log")) == sorted(f"{w} {i}" for w in ("began", "ended") for i in (1, 2, 3))
    assert heed.stop() == 0
    heed.start()  # held stays held
    heed.until("select count(*) from runs where state = 4", [(2,)])
    assert len(lines(tmp_path / "log")) == 6


@pytest.mark.parametrize("happened", [True, False])
def test_cut_off_and_probed(make_heed, tmp_path, happened):
    """The probe says what became of it: done, or it is repeated; a probe that fails is asked again."""
    script(tmp_path, SLOW)
    script(tmp_path, """
echo asked >> asked; [ $(wc -l < asked) -gt 2 ] || exit 75
printf '{"found": %s, "key": "%s"}' "$(cat happened)" "$HEED_EFFECT_KEY"
""", "probe.sh")
    (tmp_path / "happened").write_text(json.dumps(happened))
    heed = make_heed(act(UNKEYED + """
  probe: {exec: {command: [./probe.sh, "{{ .effect_key }}"]}}
  done: .result.output.found and .result.output.key == .effect_key
- log: {message: "then {{ .result.output.found }}"}
""")).start()
    heed.post(event(1))
    until(lambda: lines(tmp_path / "log") == ["began 1"])
    heed.stop(signal.SIGKILL)
    heed.start()
    until(lambda: len(lines(tmp_path / "asked")) == 3)
    if happened:
        heed.until("select count(*) from runs where state = 5", [(1,)])
        assert lines(tmp_path / "log") == ["began 1"]
        assert any("then true" in line for line in heed.log)
    else:
        until(lambda: lines(tmp_path / "log") == ["began 1"] * 2)
        (tmp_path / "go").touch()
        heed.until("select count(*) from runs where state = 5", [(1,)])
    (tmp_path / "go").touch()  # for the one that was left behind
    until(lambda: len([line for line in lines(tmp_path / "log") if line == "ended 1"]) == (1 if happened else 2))


def test_keyed_is_repeated(make_heed, tmp_path):
    script(tmp_path, 'echo "$HEED_EFFECT_KEY" >> log; ' + wait_for("go") + "\n")
    heed = make_heed(act(UNKEYED.replace('"]}', '"], keyed: true}'))).start()
    heed.post(event(1))
    until(lambda: len(lines(tmp_path / "log")) == 1)
    heed.stop(signal.SIGKILL)
    (tmp_path / "go").touch()
    heed.start()
    heed.until("select count(*) from runs where state = 5", [(1,)])
    assert len(lines(tmp_path / "log")) == 2 and len(set(lines(tmp_path / "log"))) == 1


def test_sigterm_waits_then_kills(make_heed, tmp_path):
    script(tmp_path, SLOW + "echo $$ >> pid\n")
    heed = make_heed(act(UNKEYED) + "\nlimits: {drain: 300ms}\n").start()
    heed.post(event(1))
    until(lambda: len(lines(tmp_path / "log")) == 1)
    started = time.monotonic()
    assert heed.stop() == 0
    assert time.monotonic() - started < 5
    (tmp_path / "go").touch()
    time.sleep(0.1)
    assert lines(tmp_path / "log") == ["began 1"]  # it was killed with heed
    heed.start()
    heed.until("select count(*) from runs where state = 4", [(1,)])


@pytest.mark.parametrize("yaml, said", [
    ("command: echo hi", "expected a list"),
    ("command: []", "expected a list"),
    ("command: [[a]]", "expected a text"),
    ("{}", "command is missing"),
    ("{command: [a], env: {'A=B': c}}", "not a variable's name"),
    ("{command: [a], pass: ['A=B']}", "not a variable's name"),
    ("{command: ['{{ .evnt.id }}']}", "evnt"),
    ("{command: [a]}, probe: {emit: {type: x}}, done: .result", "a probe cannot be emit"),
    ("{command: [a]}, probe: {sql: {statement: select 1}}, done: .result", "a probe cannot be sql"),
    ("{command: [a]}, probe: {http: {url: 'http://x'}}", "what shows that it happened"),
    ("{command: [a]}, done: .result", "there is none"),
    ("{command: [a], keyd: true}", 'did you mean "keyed"?'),
])
def test_check(make_heed, yaml, said):
    heed = make_heed(act("- {exec: %s}" % (yaml if yaml.startswith("{") else "{%s}" % yaml)))
    done = heed.command("check", "heed.yaml", check=False)
    assert done.returncode == 78 and said in done.stderr, done.stderr


@pytest.mark.parametrize("word", ["done", "repeat", None])
def test_a_person_says(make_heed, tmp_path, word):
    """A held effect: said to have happened, said not to have, or redriven without a word."""
    script(tmp_path, "echo did $1 >> log; " + wait_for("go") + "\n")
    heed = make_heed(act("""
- exec: {command: [./act.sh, first]}
- exec: {command: [./act.sh, second]}
- log: {message: "and then"}
""")).start()
    (tmp_path / "go").touch()
    heed.post(event(1))
    heed.until("select count(*) from runs where state = 5", [(1,)])
    (tmp_path / "go").unlink()
    (tmp_path / "log").unlink()
    heed.post(event(2))
    until(lambda: lines(tmp_path / "log") == ["did first"])
    heed.stop(signal.SIGKILL)
    (tmp_path / "go").touch()
    heed.start()
    heed.until("select state from runs where id = 2", [(4,)])
    said = heed.command("dlq", "redrive", "2", "--yes", *(["--as", word] if word else []), check=False)
    if word is None:
        assert said.returncode != 0 or heed.rows("select state from runs where id = 2") == [(4,)]
        assert lines(tmp_path / "log") == ["did first"]
        return
    heed.until("select state from runs where id = 2", [(5,)])
    wanted = ["did first", "did second"] if word == "done" else ["did first", "did first", "did second"]
    assert lines(tmp_path / "log") == wanted, said.stdout + said.stderr


@pytest.mark.parametrize("word", ["done", "repeat"])
def test_a_word_is_about_what_is_held(make_heed, tmp_path, word):
    """A step that was cut off and found by its probe stays as it was found, whatever is said of a later one."""
    script(tmp_path, "echo did $1 >> log; " + wait_for("go.$1") + "\n")
    heed = make_heed(act("""
- exec: {command: [./act.sh, first]}
  retry: {delay: 10ms}
  probe: {exec: {command: [echo, '{"yes": true}']}}
  done: .result.output.yes
- exec: {command: [./act.sh, second]}
""")).start()
    heed.post(event(1))
    until(lambda: lines(tmp_path / "log") == ["did first"])
    heed.stop(signal.SIGKILL)
    heed.start()
    until(lambda: lines(tmp_path / "log") == ["did first", "did second"])
    heed.stop(signal.SIGKILL)
    (tmp_path / "go.second").touch()
    heed.start()
    heed.until("select state from runs", [(4,)])
    heed.command("dlq", "redrive", "1", "--yes", "--as", word)
    heed.until("select state from runs", [(5,)])
    assert lines(tmp_path / "log") == ["did first", "did second"] + (["did second"] if word == "repeat" else [])
    (tmp_path / "go.first").touch()
