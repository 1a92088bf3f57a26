"""Commands around events: send, tap, events, runs, explain; the admin socket they use."""

import json
import os
import signal
import socket
import stat
import subprocess

import pytest

from kit import HEED, event, until

CONFIG = """
heed: 1
name: shop
store: sqlite:shop.db
models:
  quick:
    provider: rules
    rules: |
      if .event.data.id == 666 then {segment: "devil"} else
      {segment: (if .event.data.employees > 100 then "enterprise" else "smb" end)} end
sources:
  web: {type: http, listen: "127.0.0.1:0"}
reactions:
  enrich:
    on: customer_created
    ask:
      model: quick
      repair: false
      prompt: "Analyze {{ .event.data }}"
      answer: {type: object, required: [segment], properties: {segment: {enum: [enterprise, smb]}}}
    then:
      - emit: {type: customer_enriched, data: "{id: .event.data.id, segment: .answer.segment}"}
  greet:
    on: customer_enriched
    then:
      - emit: {type: customer_greeted, data: .event.data}
  note:
    on: customer_greeted
    then:
      - log: {message: "hello {{ .event.data.id }}"}
"""


@pytest.fixture
def heed(make_heed):
    return make_heed(CONFIG)


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


# ---- words -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words, code, says",
    [
        (["help"], 0, "explain"),
        (["help", "runs"], 0, "--reaction NAME"),
        (["help", "send", "x"], 0, "--wait"),
        (["runs", "--help"], 0, "usage: heed runs"),
        ([], 2, "usage: heed COMMAND"),
        (["rnus"], 2, 'did you mean "runs"?'),
        (["help", "evnets"], 2, 'did you mean "events"?'),
        (["runs", "--lmit", "3"], 2, "did you mean --limit?"),
        (["runs", "--limit"], 2, "--limit needs a value"),
        (["runs", "--json=1"], 2, "--json takes no value"),
        (["events", "--since", "yesterday"], 2, "2026-11-24"),
        (["runs", "--limit", "-1"], 2, "--limit takes a number"),
        (["runs", "--state", "deda"], 2, "there is no state"),
        (["explain"], 2, "name one run or one event"),
        (["send"], 2, "there is nothing to send"),
        (["send", "--type", "a", "--data", "{x"], 1, "--data"),
        (["send", "no-such-file"], 1, "no-such-file"),
        (["send", "--wait", "--type", "a"], 2, "heed run"),
        (["tap"], 1, "heed run"),
        (["tap", "--count", "0"], 2, "from 1 to"),
        (["events", "--config", "nowhere.yaml"], 1, "nowhere.yaml"),
    ],
)
def test_words(heed, words, code, says):
    heed.start()
    heed.stop()  # there is a store to look at
    done = heed.command(*words, check=False)
    assert done.returncode == code, done.stderr
    assert says in done.stdout + done.stderr


def test_before_there_is_a_store(heed):
    done = heed.command("runs", check=False)
    assert done.returncode == 1 and "heed run makes it" in done.stderr
    assert not heed.store.exists()


def test_lists_need_no_secrets(make_heed):
    """An operator looks at a store without the keys, and while the file is being edited."""
    heed = make_heed(CONFIG)
    heed.command("send", "--type", "customer_created", "--data", '{"id": 1}')
    heed.config.write_text(CONFIG.replace("provider: rules", "provider: openai\n    api_key: ${NO_SUCH}")
                           .replace("on: customer_created", "onn: customer_created"))
    assert "customer_created" in heed.command("events").stdout
    assert "ready" in heed.command("runs").stdout
    wrong = heed.command("send", "--type", "a", check=False)
    assert wrong.returncode == 78 and "NO_SUCH" in wrong.stderr


# ---- send --------------------------------------------------------------------------------


def test_send_without_a_running_heed(heed):
    first = heed.command("send", "--type", "customer_created", "--data", '{"id": 1}', "--id", "c-1")
    assert "handled when it is" in first.stdout
    again = heed.command("send", "--type", "customer_created", "--data", '{"id": 1}', "--id", "c-1", "--json")
    assert json.loads(again.stdout) == {"accepted": 0, "duplicates": 1, "running": False}
    assert heed.rows("select state from runs") == [(1,)]
    heed.start()
    heed.until("select count(*) from runs where state = 5", [(3,)])


def test_send_lines(heed):
    heed.start()
    whole = json.dumps(event(1))
    bare = json.dumps({"type": "customer_created", "data": {"id": 9007199254740993}})
    (heed.folder / "in.ndjson").write_text(f"{whole}\n\n{bare}\n{whole}\n")
    done = heed.command("send", "in.ndjson", "--json")
    assert json.loads(done.stdout) == {"accepted": 2, "duplicates": 1, "running": True}
    assert [json.loads(b)["data"]["id"] for (b,) in heed.rows(
        "select body from events where type = 'customer_created' order by seq")] == [1, 9007199254740993]
    done = heed.command("send", "--type", "customer_created", "--source", "/list", "-",
                        input='{"id": 5}\n{"id": 6}\n')
    assert done.stdout == "sent 2 events\n"
    listed = lines(heed.command("events", "--source", "/list", "--json").stdout)
    assert [e["body"]["data"] for e in listed] == [{"id": 6}, {"id": 5}]


@pytest.mark.parametrize("bad", ["{", "[]", '{"type": ""}', '{"type": "a", "x y": 1}', '"text"', "\xff"])
def test_send_stops_at_the_wrong_line(heed, bad):
    heed.start()
    text = json.dumps(event(1)) + "\n" + bad + "\n" + json.dumps(event(2)) + "\n"
    done = heed.command("send", "-", input=text, check=False, errors="surrogateescape")
    assert done.returncode == 1 and "standard input:2" in done.stderr
    assert "sent 1 event" in done.stdout
    assert heed.rows("select count(*) from events where source = '/crm'") == [(1,)]


def test_send_many(heed):
    """More than a batch, more than one offline engine; each is there once."""
    data = "".join(f'{{"id": "e{i}", "type": "quiet"}}\n' for i in range(12000))
    done = heed.command("send", "-", input=data)
    assert done.stdout.startswith("sent 12,000 events")
    heed.start()
    done = heed.command("send", "-", input=data)
    assert done.stdout == "sent 0 events, 12,000 known already\n"


def test_send_and_wait(heed):
    heed.start()
    done = heed.command("send", "--wait", "--type", "customer_created", "--data", '{"id": 1, "employees": 500}')
    assert '"segment":"enterprise"' in done.stdout and "customer_greeted" in done.stdout
    assert "3 events, 3 runs, 1 call" in done.stdout
    failed = heed.command("send", "--wait", "--json", "--type", "customer_created", "--data", '{"id": 666}',
                          check=False)
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["runs"][0]["class"] == "validation"
    nothing = heed.command("send", "--wait", "--type", "unheard")
    assert "no reaction wanted it" in nothing.stdout


# ---- explain, runs -----------------------------------------------------------------------


def test_explain_a_chain_of_three(heed):
    """From any event or run of it, the whole chain is shown, back to its source event."""
    heed.start()
    heed.command("send", "--wait", "--type", "customer_created", "--id", "c-7", "--data",
                 '{"id": 7, "employees": 3}')
    heed.command("send", "--wait", "--type", "customer_created", "--id", "c-8", "--data", '{"id": 8}')
    ids = [i for (i,) in heed.rows(
        "select id from events where seq in (select event_seq from runs where id <= 3) order by seq")]
    runs = [i for (i,) in heed.rows("select id from runs where event_seq <= 3 order by id")]
    assert len(ids) == 3 and len(runs) == 3
    wholes = []
    for word in [*ids, *map(str, runs), f"run:{runs[1]}", f"event:{ids[2]}"]:
        whole = json.loads(heed.command("explain", "--json", word).stdout)
        assert whole["event"] == "c-7", word
        wholes.append(whole)
    assert all(whole == wholes[0] for whole in wholes)
    enrich = wholes[0]["runs"][0]
    assert enrich["journal"][0]["request"]["prompt"] == 'Analyze {"id":7,"employees":3}'
    assert enrich["journal"][0]["reply"]["text"] == '{"segment":"smb"}'
    greet = enrich["emitted"][0]["runs"][0]
    note = greet["emitted"][0]["runs"][0]
    assert [r["name"] for r in (enrich, greet, note)] == ["enrich", "greet", "note"]
    assert note["journal"][0]["request"]["message"] == "hello 7"
    told = heed.command("explain", ids[2]).stdout
    for part in ["customer_created c-7", "prompt", "Analyze", '{"segment":"smb"}', "it fits", "log hello 7",
                 "3 events, 3 runs, 1 call"]:
        assert part in told
    assert "customer_created c-8" not in told
    assert "asked for" in heed.command("explain", str(runs[1])).stdout
    brief = heed.command("explain", "--brief", ids[0]).stdout
    assert "Analyze" not in brief and '{"segment":"smb"}' in brief


def test_explain_names_what_is_unclear(heed):
    heed.start()
    heed.post({**event(1), "id": "same"}, {**event(2), "id": "same", "source": "/other"})
    unclear = heed.command("explain", "same", check=False)
    assert unclear.returncode == 1 and "--source" in unclear.stderr
    assert "/other" in heed.command("explain", "same", "--source", "/other").stdout


def test_explain_is_bounded(heed):
    heed.start()
    heed.post(event(1, text="word " * 2000))
    heed.until("select count(*) from runs where state = 5", [(3,)])
    short, full = heed.command("explain", "1").stdout, heed.command("explain", "1", "--full").stdout
    assert "--full" in short and len(short) < 8000 < len(full)


def test_hostile_text_does_nothing_to_the_terminal(heed):
    heed.config.write_text(CONFIG.replace("{{ .event.data }}", "{{ .event.data.text }}"))
    heed.start()
    nasty = "a\x1b[31mred\x07\u202e\u009b2J\nnext"
    heed.post(event(666, text=nasty), {**event(2), "id": "a\u202eb"})
    heed.until("select count(*) from runs where state in (5, 6)", [(4,)])
    for words in (["runs"], ["events"], ["explain", "1"], ["explain", "--full", "run:2"]):
        out = heed.command(*words).stdout
        assert not set(out) & {"\x1b", "\x07", "\u202e", "\u009b"}, words


# ---- tap ---------------------------------------------------------------------------------


def tap(heed, *words):
    process = subprocess.Popen([HEED, "tap", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, cwd=heed.folder)
    if "--json" not in words:
        assert "following" in process.stderr.readline()
    return process


def test_tap_follows(heed):
    heed.start()
    following = tap(heed, "--count", "6")
    until(lambda: "customer_created" in heed.command(
        "send", "--wait", "--type", "customer_created", "--data", '{"id": 3}').stdout)
    out = following.communicate(timeout=20)[0]
    for part in ["customer_created", '{"segment":"smb"}', "-> emit customer_enriched", "emitted by run",
                 "-> log hello 3"]:
        assert part in out, out


def test_tap_as_json_by_type_over_a_restart(heed):
    heed.start()
    following = tap(heed, "--json", "--type", "quie*")
    os.set_blocking(following.stdout.fileno(), False)

    def seen():
        """Nothing says when the first poll is there: send until something arrives."""
        heed.command("send", "--type", "loud")
        heed.command("send", "--type", "quiet")
        return following.stdout.readline()

    try:
        assert json.loads(until(seen))["event"]["type"] == "quiet"
        heed.stop()
        assert "has stopped" in following.stderr.readline()
        heed.start()
        assert "is back" in following.stderr.readline()
        while following.stdout.readline():
            pass  # of before the restart
        assert json.loads(until(seen))["runs"] == 0
    finally:
        # Not SIGINT: who runs tests in the background may have it ignored.
        following.send_signal(signal.SIGTERM)
        assert following.wait(timeout=20) == -signal.SIGTERM


# ---- the socket --------------------------------------------------------------------------


def test_the_socket_is_private_and_goes_with_the_process(heed):
    heed.start()
    path = heed.folder / "shop.db.sock"
    about = path.stat()
    assert stat.S_ISSOCK(about.st_mode) and stat.S_IMODE(about.st_mode) == 0o600
    heed.stop()
    assert not path.exists()


def test_a_stale_socket_is_replaced_and_other_files_are_not(heed):
    heed.start()
    heed.stop(signal.SIGKILL)
    path = heed.folder / "shop.db.sock"
    assert path.exists()
    assert "no heed is running" in heed.command("tap", check=False).stderr
    heed.start()
    heed.command("send", "--type", "a")
    heed.stop()
    path.write_text("mine")
    heed.start()  # warns and runs without it
    assert any("no admin socket" in line for line in heed.log)
    refused = heed.command("send", "--type", "a", check=False)
    assert refused.returncode == 75 and str(heed.process.pid) in refused.stderr
    assert path.read_text() == "mine"


def received(server):
    """What a connection sends first; then it ends without an answer, as after a kill."""
    with server.accept()[0] as connection:
        return connection.recv(65536)


def test_an_answer_that_never_came_leaves_open_whether_it_is_stored(heed, monkeypatch):
    monkeypatch.chdir(heed.folder)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind("shop.db.sock")
        other.listen()
        sending = subprocess.Popen([HEED, "send", "--type", "a", "--id", "a-1"], text=True,
                                   stderr=subprocess.PIPE)
        other.settimeout(20)
        while b"POST /events" not in received(other):
            pass  # it looks first whether somebody is there
    said = sending.communicate(timeout=20)[1]
    assert sending.returncode == 1 and "sent again with --id a-1 it counts once" in said


def test_a_socket_that_was_asked_for_must_be_there(heed):
    (heed.folder / "taken").write_text("mine")
    heed.config.write_text(CONFIG + "admin: {socket: taken}\n")
    done = heed.command("run", check=False)
    assert done.returncode == 1 and "is no socket" in done.stderr
    heed.config.write_text(CONFIG + "admin: {socket: none}\n")
    heed.start()
    assert "no admin socket" in heed.command("tap", check=False).stderr


def test_a_path_longer_than_a_socket_address(make_heed, tmp_path):
    folder = tmp_path / ("long" * 30) / ("path" * 30)
    folder.mkdir(parents=True)
    heed = make_heed(CONFIG, folder)
    heed.start()
    assert len(str(folder / "shop.db.sock")) > 200
    elsewhere = subprocess.run([HEED, "send", "--config", str(heed.config), "--type", "a"],
                               capture_output=True, text=True)
    assert elsewhere.stdout == "sent 1 event\n"
    heed.stop()
    assert not (folder / "shop.db.sock").exists()


def test_the_socket_speaks_http(heed):
    heed.start()
    until(lambda: (heed.folder / "shop.db.sock").exists())

    def ask(request):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(heed.folder / "shop.db.sock"))
            client.sendall(request + b"Host: heed\r\nConnection: close\r\n\r\n")
            return b"".join(iter(lambda: client.recv(65536), b"")).decode()

    status = ask(b"GET /status HTTP/1.1\r\n")
    assert status.startswith("HTTP/1.1 200") and f'"pid":{heed.process.pid}' in status
    assert "404" in ask(b"GET /nowhere HTTP/1.1\r\n").splitlines()[0]
