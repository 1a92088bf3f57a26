"""Dead letters, worked with by a person: groups, show, patch, redrive, drop, held effects."""

import json
import os
import pty
import random
import signal
import socketserver
import subprocess
import threading
import time

import pytest

from kit import HEED, event, until
from provider import Provider, answer

HEAD = """
heed: 1
name: shop
store: sqlite:shop.db
sources:
  web: {type: http, listen: "127.0.0.1:0"}
"""

# What fails does so by its data: broken events give an answer that does not fit.
RULES = HEAD + """
models:
  quick:
    provider: rules
    rules: '{segment: (if .event.data.broken then "devil\\(.event.data.id)" else "smb" end)}'
reactions:
  enrich:
    on: customer_created
    ask:
      model: quick
      repair: false
      prompt: "Analyze {{ .event.data }}"
      answer: {type: object, required: [segment], properties: {segment: {enum: [enterprise, smb]}}}
    then:
      - emit: {type: customer_enriched, data: "{id: .event.data.id, name: .event.data.name}"}
"""
MENDED = RULES.replace('"devil\\(.event.data.id)"', '"enterprise"')


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def broken(n, **data):
    return event(n, broken=True, **data)


@pytest.fixture
def heed(make_heed):
    """A running heed with three dead letters of one kind and one of another, and one good run."""
    heed = make_heed(RULES + """
  other:
    on: order_placed
    when: .event.data.total * 1 > 0
    then: [{log: {message: "order {{ .event.data.id }}"}}]
""")
    heed.start()
    heed.post(broken(1), event(2), broken(3), broken(4), event(5, type="order_placed", total={}))
    heed.until("select count(*) from runs where state = 6", [(4,)])
    return heed


# ---- seeing them -------------------------------------------------------------------------


def test_ls_and_groups(heed):
    listed = lines(heed.command("dlq", "ls", "--json").stdout)
    assert [run["class"] for run in listed] == ["condition", "validation", "validation", "validation"]
    groups = lines(heed.command("dlq", "groups", "--json").stdout)
    assert [(g["name"], g["class"], g["count"]) for g in groups] == [
        ("enrich", "validation", 3), ("other", "condition", 1)]
    assert groups[0]["example"] in {run["run"] for run in listed}
    group = groups[0]["group"]
    assert {run["group"] for run in listed} == {g["group"] for g in groups}
    assert len(lines(heed.command("dlq", "ls", group, "--json").stdout)) == 3
    assert len(lines(heed.command("dlq", "ls", "--class", "condition", "--json").stdout)) == 1
    assert len(lines(heed.command("dlq", "ls", "--json", "--limit", "2").stdout)) == 2
    text = heed.command("dlq", "groups").stdout
    assert "3 runs of enrich" in text and f"heed dlq show {groups[0]['example']}" in text
    assert "validation" in heed.command("dlq", "ls").stdout


def test_show(heed):
    run = lines(heed.command("dlq", "ls", "--class", "validation", "--json").stdout)[-1]["run"]
    told = heed.command("dlq", "show", str(run)).stdout
    for part in ['Analyze {"id":1', '{"segment":"devil1"}', "does not fit: /segment", "customer_created 1",
                 f"heed dlq redrive {run}"]:
        assert part in told
    whole = json.loads(heed.command("dlq", "show", "--json", str(run)).stdout)
    assert whole["journal"][0]["reply"]["text"] == '{"segment":"devil1"}'
    assert whole["event"]["body"]["data"]["id"] == 1


@pytest.mark.parametrize(
    "words, code, says",
    [
        (["dlq"], 2, "usage: heed dlq"),
        (["help", "dlq"], 0, "redrive"),
        (["help", "dlq", "patch"], 0, "JQ"),
        (["dlq", "redrvie"], 2, 'did you mean "redrive"?'),
        (["dlq", "ls", "nonsense"], 2, "is no group"),
        (["dlq", "groups", "x"], 2, "too much"),
        (["dlq", "show"], 2, "name one run"),
        (["dlq", "show", "99"], 1, "there is no run"),
        (["dlq", "redrive"], 2, "say which"),
        (["dlq", "redrive", "99"], 1, "no such dead letters"),
        (["dlq", "redrive", "2"], 1, "is done: only dead and held"),
        (["dlq", "redrive", "1", "gabcdef01"], 2, "not both"),
        (["dlq", "redrive", "1", "that"], 2, "neither a run's number nor a group"),
        (["dlq", "redrive", "1", "--as", "maybe"], 2, "done or repeat"),
        (["dlq", "redrive", "1", "--as", "done"], 1, "no effect of which it is unknown"),
        (["dlq", "redrive", "1", "--rate", "0"], 2, "--rate takes"),
        (["dlq", "redrive", "1", "--rate", "5/h"], 2, "--rate takes"),
        (["dlq", "redrive", "1", "--patch", ".data |"], 78, "the patch"),
        (["dlq", "redrive", "gabcdef01"], 1, "no such dead letters"),
        (["dlq", "patch", "1"], 2, "there is no jq program"),
        (["dlq", "patch", "1", ".id = \"x\""], 1, "changes the event's id"),
        (["dlq", "patch", "1", ".event.data.x = 1"], 1, "the patch"),
        (["dlq", "patch", "1", "empty"], 1, "it gives nothing"),
        (["dlq", "drop", "1"], 2, "--reason"),
        (["dlq", "cancel", "x"], 2, "name one job"),
        (["dlq", "cancel", "7"], 1, "there is no open job 7"),
        (["dlq", "jobs", "x"], 2, "too much"),
    ],
)
def test_words(heed, words, code, says):
    done = heed.command(*words, check=False)
    assert done.returncode == code, done.stderr
    assert says in done.stdout + done.stderr
    assert heed.rows("select count(*) from runs where state = 6") == [(4,)]


# ---- working with them -------------------------------------------------------------------


def test_patch_then_redrive(heed):
    first = heed.rows("select r.id from runs r join events e on e.seq = r.event_seq where e.id = '1'")[0][0]
    done = heed.command("dlq", "patch", str(first), '.data.broken = false | .data.name = "Ada"')
    assert "1 run mended" in done.stdout
    assert heed.rows(f"select state, redrives from runs where id = {first}") == [(6, 0)]
    done = heed.command("dlq", "redrive", str(first))
    assert "1 run redriven" in done.stdout
    heed.until(f"select state, redrives from runs where id = {first}", [(5, 1)])
    bodies = [json.loads(b)["data"] for (b,) in heed.rows(
        f"select body from events where parent_run = {first} and type = 'customer_enriched'")]
    assert bodies == [{"id": 1, "name": "Ada"}]
    # What came in is kept as it came in.
    original = lines(heed.command("events", "--id", "1", "--json").stdout)[0]["body"]
    assert original["data"] == {"id": 1, "email": "a@example.com", "employees": 500, "broken": True}
    told = heed.command("explain", str(first)).stdout
    for part in ["redrive.patch", '.data.name = "Ada"', "redrive  retry", "does not fit", '"broken":false']:
        assert part in told


def test_a_patch_counts_over_a_restart(heed):
    first = heed.rows("select min(id) from runs where state = 6")[0][0]
    heed.stop(signal.SIGKILL)
    # Without a running heed: mended at once; redriven when heed is run.
    assert "1 run mended" in heed.command("dlq", "patch", str(first), ".data.broken = false").stdout
    assert "it begins when heed is run" in heed.command("dlq", "redrive", str(first)).stdout
    assert "job 2 is under way" in heed.command("dlq", "ls").stdout
    assert heed.rows(f"select state from runs where id = {first}") == [(6,)]
    heed.start()
    heed.until(f"select state, redrives from runs where id = {first}", [(5, 1)])


def test_drop(heed):
    group = lines(heed.command("dlq", "groups", "--json").stdout)[0]["group"]
    done = heed.command("dlq", "drop", group, "--reason", "never mind")
    assert "3 runs dropped" in done.stdout
    assert heed.rows("select state, count(*) from runs where name = 'enrich' group by state") == [(5, 1), (7, 3)]
    dropped = heed.rows("select min(id) from runs where state = 7")[0][0]
    told = heed.command("explain", str(dropped)).stdout
    assert "never mind" in told and "does not fit" in told
    heed.stop()
    done = heed.command("dlq", "drop", "--all", "--reason", "nothing runs", "--json")
    assert json.loads(done.stdout)["done"] == 1
    assert "no dead letters" in heed.command("dlq", "groups").stdout


def test_a_redrive_uses_the_definition_of_now(heed):
    heed.stop()
    heed.config.write_text(MENDED)
    heed.start()
    done = heed.command("dlq", "redrive", "--reaction", "enrich", "--json")
    assert json.loads(done.stdout)["done"] == 3
    heed.until("select state, redrives, count(*) from runs where name = 'enrich' and redrives > 0"
               " group by 1, 2", [(5, 1, 3)])
    # A reaction that is gone goes on as it was; its condition is not looked at again.
    other = heed.rows("select id from runs where name = 'other'")[0][0]
    heed.command("dlq", "redrive", str(other))
    heed.until(f"select state, redrives from runs where id = {other}", [(5, 1)])


def test_a_failed_condition_is_looked_at_again(heed):
    other = str(heed.rows("select id from runs where name = 'other'")[0][0])
    done = heed.command("dlq", "redrive", other, check=False)
    assert done.returncode == 1 and "its condition fails still" in done.stdout
    done = heed.command("dlq", "redrive", other, "--patch", ".data.total = 0", check=False)
    assert done.returncode == 1 and "its condition does not hold" in done.stdout
    assert "1 run redriven" in heed.command("dlq", "redrive", other, "--patch", ".data.total = 3").stdout
    heed.until(f"select state from runs where id = {other}", [(5,)])


def test_dry_run_says_how_many_and_what_it_may_cost(make_heed):
    """An answer that fits is used again: only what has to be asked again costs."""
    with Provider() as provider:
        provider.default = answer({"segment": "smb"}, usage={"input": 1000, "output": 100})
        heed = make_heed(HEAD + f"""
models:
  quick: {{provider: openai, endpoint: "{provider.openai_url}", model: gpt-4o-mini, api_key: sk-1,
           price: {{input: 1, output: 10}}}}
reactions:
  enrich:
    on: customer_created
    ask:
      model: quick
      repair: false
      prompt: "Analyze {{{{ .event.data }}}}"
      answer: {{type: object, required: [segment], properties: {{segment: {{enum: [enterprise, smb]}}}}}}
    then:
      - http: {{url: "http://127.0.0.1:9/", body: .answer}}
        retry: {{attempts: 1}}
""")
        heed.start()
        heed.post(event(1), event(2))
        heed.until("select count(*) from runs where state = 6 and class = 'effect'", [(2,)])
        provider.default = answer({"segment": "devil"}, usage={"input": 1000, "output": 100})
        heed.post(event(3))
        heed.until("select count(*) from runs where state = 6", [(3,)])
        calls = len(provider.calls)
        plan = json.loads(heed.command("dlq", "redrive", "--all", "--dry-run", "--json").stdout)
        assert plan == {"runs": 3, "unknown": 0, "paid": 2, "priced": 3, "cost_nano_usd": 2_000_000}
        told = heed.command("dlq", "redrive", "--all", "--dry-run").stdout
        assert "redrive 3 runs" in told and "2 answers are paid for already" in told and "$0.0020" in told
        assert heed.rows("select count(*) from jobs") == [(0,)]
        heed.command("dlq", "redrive", "--class", "effect")
        heed.until("select count(*) from runs where state = 6 and redrives = 1", [(2,)])
        assert len(provider.calls) == calls
        # Another question is another answer: it is paid for.
        provider.default = answer({"segment": "smb"})
        one = heed.rows("select min(id) from runs")[0][0]
        heed.command("dlq", "redrive", str(one), "--patch", ".data.employees = 7")
        heed.until(f"select redrives, state from runs where id = {one}", [(2, 6)])
        assert len(provider.calls) == calls + 1


def test_order_per_key_is_kept(make_heed):
    heed = make_heed(RULES.replace("    ask:", "    key: .event.data.customer\n    ask:"))
    heed.start()
    heed.post(*[broken(n, customer=n % 3) for n in range(60)])
    heed.until("select count(*) from runs where state = 6", [(60,)])
    heed.stop()
    heed.config.write_text(heed.config.read_text().replace('"devil\\(.event.data.id)"', '"enterprise"'))
    heed.start()
    heed.command("dlq", "redrive", "--all")
    heed.until("select count(*) from runs where state = 5", [(60,)])
    done = [json.loads(b)["data"]["id"] for (b,) in heed.rows(
        "select body from events where type = 'customer_enriched' order by seq")]
    for key in range(3):
        assert [n for n in done if n % 3 == key] == list(range(key, 60, 3))


@pytest.mark.parametrize("how", ["redrive", "drop"])
def test_what_waits_behind_a_dead_letter_goes_on(make_heed, how):
    """on_failure: block keeps later events of the key back until a person has decided."""
    heed = make_heed(RULES.replace("    ask:", "    key: .event.data.customer\n    on_failure: block\n    ask:"))
    heed.start()
    heed.post(broken(1, customer=1), event(2, customer=1), event(3, customer=2))
    heed.until("select e.id, r.state from runs r join events e on e.seq = r.event_seq where r.name = 'enrich'"
               " order by e.id", [("1", 6), ("2", 1), ("3", 5)])
    if how == "drop":
        heed.command("dlq", "drop", "1", "--reason", "no")
    else:
        heed.command("dlq", "redrive", "1", "--patch", ".data.broken = false")
    heed.until("select count(*) from runs where name = 'enrich' and state = 5", [(2 if how == "drop" else 3,)])
    done = [json.loads(b)["data"]["id"] for (b,) in heed.rows(
        "select body from events where type = 'customer_enriched' order by seq")]
    assert [n for n in done if n != 3] == ([2] if how == "drop" else [1, 2])


def test_many_are_asked_about_on_a_terminal(heed):
    def answer_with(word):
        master, slave = pty.openpty()
        process = subprocess.Popen([HEED, "dlq", "drop", "--all", "--reason", "x"], cwd=heed.folder,
                                   stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        said = b""
        while b"[y/N]" not in said:
            said += os.read(master, 4096)
        os.write(master, word)
        try:
            while chunk := os.read(master, 4096):
                said += chunk
        except OSError:
            pass
        os.close(master)
        assert process.wait(timeout=20) == 0
        return said.decode()

    assert "nothing was done" in answer_with(b"n\n")
    assert heed.rows("select count(*) from runs where state = 6") == [(4,)]
    assert "4 runs dropped" in answer_with(b"y\n")


# ---- ten thousand, a rate, and a crash ---------------------------------------------------


def test_ten_thousand_under_a_rate_and_a_crash_each_once(make_heed):
    """A group of 10,000 is redriven at a rate; the process is killed on the way. Each once."""
    config = """
heed: 1
name: shop
store: sqlite:shop.db
reactions:
  count:
    on: customer_created
    when: .event.data.id >= BOUND
    then:
      - sql: {statement: "insert into counted values(:id)", values: "{id: .event.data.id}"}
"""
    n, rate = 10_000, 2500
    heed = make_heed(config.replace("BOUND", "(0 | error(\"id \\(1)\"))"))
    (heed.folder / "in").write_text("".join(f'{{"id": {i}}}\n' for i in range(n)))
    heed.command("send", "--type", "customer_created", "in")  # dead from the beginning
    db = heed.rows  # the user's table beside heed's
    import sqlite3
    with sqlite3.connect(heed.store) as own:
        own.execute("create table counted(id integer)")
    own.close()
    group = lines(heed.command("dlq", "groups", "--json").stdout)
    assert [(g["count"], g["class"]) for g in group] == [(n, "condition")]
    heed.config.write_text(config.replace("BOUND", "0"))
    heed.start()
    began = time.monotonic()
    told = heed.command("dlq", "redrive", group[0]["group"], "--rate", f"{rate}/s", "--no-wait").stdout
    assert "redrive 10,000 runs of count" in told and "job 1 is under way" in told
    chance = random.Random(os.environ.get("HEED_SEED"))
    stop_at = chance.randrange(n // 4, n * 3 // 4)
    until(lambda: db("select count(*) from counted")[0][0] >= stop_at)
    heed.stop(signal.SIGKILL)
    done = db("select count(*) from counted")[0][0]
    assert stop_at <= done < n, "it was cut in the middle"
    heed.start()
    until(lambda: db("select count(*) from runs where state = 5")[0][0] == n, 20)
    took = time.monotonic() - began
    assert db("select count(*), count(distinct id) from counted") == [(n, n)]
    assert db("select min(redrives), max(redrives) from runs") == [(1, 1)]
    assert db("select count(*) from journal where step = 'redrive'") == [(n,)]
    heed.until("select state, done, skipped from jobs", [(1, n, 0)])
    assert took > n / rate * 0.8, f"faster than its rate: {took}"
    assert heed.stop() == 0


def test_a_job_can_be_cancelled(heed):
    heed.command("dlq", "redrive", "--reaction", "enrich", "--rate", "1/m", "--no-wait")
    assert "is cancelled" in heed.command("dlq", "cancel", "1").stdout
    jobs = lines(heed.command("dlq", "jobs", "--json").stdout)
    assert jobs[0]["state"] == "cancelled" and jobs[0]["done"] <= 1
    heed.command("dlq", "redrive", "--reaction", "enrich", "--rate", "1/m", "--no-wait")
    heed.stop()
    heed.command("dlq", "cancel", "2")
    assert "cancelled" in heed.command("dlq", "jobs").stdout
    assert heed.rows("select count(*) from jobs where state = 0") == [(0,)]


# ---- held effects ------------------------------------------------------------------------


class Sink(socketserver.ThreadingTCPServer):
    """Takes requests, counts them, and answers only when it is allowed to."""

    allow_reuse_address = daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.taken, self.silent = [], True
        threading.Thread(target=self.serve_forever, daemon=True).start()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            head = b""
            while b"\r\n\r\n" not in head:
                got = self.connection.recv(4096)
                if not got:
                    return
                head += got
            self.server.taken.append(head.split(b"\r\n", 1)[0].decode())
            while self.server.silent:
                time.sleep(0.01)
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")


@pytest.fixture
def sink():
    server = Sink()
    yield server
    server.silent = False
    server.shutdown()
    server.server_close()


@pytest.fixture
def held(make_heed, sink):
    """A run whose effect went out and whose process was killed before the answer."""
    heed = make_heed(HEAD + f"""
reactions:
  tell:
    on: order_placed
    then:
      - http: {{url: "http://127.0.0.1:{sink.server_address[1]}/a", keyed: false}}
      - emit: {{type: told, data: .event.data}}
""")
    heed.start()
    heed.post(event(1, type="order_placed"))
    until(lambda: len(sink.taken) == 1)
    heed.stop(signal.SIGKILL)
    heed.start()
    heed.until("select state, class from runs", [(4, "unknown")])
    sink.silent = False
    return heed


def test_held_needs_a_word(held, sink):
    refused = held.command("dlq", "redrive", "1", check=False)
    assert refused.returncode == 1 and "--as done or --as repeat" in refused.stderr
    assert "--as repeat" in held.command("dlq", "show", "1").stdout
    assert held.rows("select state from runs") == [(4,)] and len(sink.taken) == 1


@pytest.mark.parametrize("word, times", [("done", 1), ("repeat", 2)])
def test_held_is_resolved_by_hand(held, sink, word, times):
    assert "1 run" in held.command("dlq", "redrive", "1", "--as", word).stdout
    held.until("select state from runs where name = 'tell'", [(5,)])
    assert held.rows("select count(*) from events where type = 'told'") == [(1,)]
    assert len(sink.taken) == times
    # It stays so, whatever comes later: nothing is done again.
    held.stop(signal.SIGKILL)
    held.start()
    held.command("send", "--wait", "--type", "order_placed", "--data", "{}")
    assert len(sink.taken) == times + 1


def test_what_was_said_holds_for_the_next_step_too(make_heed, sink):
    """Said done for the first effect, repeat for the second: the first is not repeated."""
    port = sink.server_address[1]
    heed = make_heed(HEAD + f"""
reactions:
  tell:
    on: order_placed
    then:
      - http: {{url: "http://127.0.0.1:{port}/a", keyed: false}}
      - http: {{url: "http://127.0.0.1:{port}/b", keyed: false}}
""")
    heed.start()
    heed.post(event(1, type="order_placed"))
    until(lambda: len(sink.taken) == 1)
    for said, effects in [("done", 2), ("repeat", 3)]:
        heed.stop(signal.SIGKILL)
        heed.start()
        heed.until("select state from runs where name = 'tell'", [(4,)])
        if said == "repeat":
            sink.silent = False
        heed.command("dlq", "redrive", "1", "--as", said)
        until(lambda: len(sink.taken) == effects)
    heed.until("select state from runs where name = 'tell'", [(5,)])
    assert [line.split()[1] for line in sink.taken] == ["/a", "/b", "/b"]
