"""Sagas that wait: for events early and late, for time, for each other; at any moment the process may be killed."""

import json
import os
import random
import re
import signal
import time

import pytest

from kit import event, until
from service import service  # noqa: F401
from test_saga import DONE, HEAD, do, effect, end, told

WAITS = HEAD + """
sagas:
  order:
    start_on: order_placed
    steps:
      reserve: {do: DO_reserve, undo: UNDO_release}
      paid:
        wait_for: {type: [paid, payment_failed], match: .event.data.order == .start.data.id, timeout: TIMEOUT}
        set: "{how: .result.type}"
      ship: {do: DO_ship, require: '.data.how == "paid"'}
      give_up: {do: DO_unreserve, require: '.data.how != "paid"'}
"""


def config(text, url, timeout="1h"):
    """DO_x becomes an effect called x, and UNDO_x one that takes something back."""
    text = re.sub(r"\b(UN)?DO_(\w+)", lambda m: (effect if m[1] else do)(url, m[2]), text)
    return text.replace("TIMEOUT", timeout)


def order(n):
    return event(n, type="order_placed")


def paid(n, id=None, type="paid"):
    return event(id or f"{type}-{n}", type=type, order=n)


def test_the_event_comes(make_heed, service):
    heed = make_heed(config(WAITS, service.url)).start()
    heed.post(order(1), order(2), order(3))
    until(lambda: service.names().count("reserve") == 3)
    heed.post(paid(2), paid(9), paid(1, type="payment_failed"))
    end(heed, DONE, 2)
    assert sorted(service.names()[3:]) == ["ship", "unreserve"]
    waiting = heed.command("sagas", "ls", "--state", "waiting").stdout
    assert "paid" in waiting and waiting.count("\n") == 2
    assert "for paid, until" in heed.command("sagas", "show", "3").stdout


def test_the_event_was_there_before(make_heed, service):
    """It came while the saga was still at an earlier step, and the process was killed in between."""
    service.script["reserve"] = ["hang"]
    heed = make_heed(config(WAITS, service.url)).start()
    heed.post(paid(7, id="old"))  # before the saga: not its
    heed.post(order(7))
    until(lambda: service.requests)
    heed.post(*[paid(1000 + n) for n in range(200)], paid(7, type="payment_failed"), paid(7))
    heed.stop(signal.SIGKILL)
    heed.start()
    end(heed, DONE)
    assert service.names() == ["reserve", "unreserve"]


def test_nothing_comes(make_heed, service):
    heed = make_heed(config(WAITS, service.url, "300ms")).start()
    heed.post(order(1))
    end(heed, DONE)
    assert service.names() == ["reserve", "release"]
    assert told(heed)[-1] == ("compensated", "timeout")


def test_once_ends_while_a_saga_waits(make_heed, service):
    text = config(WAITS, service.url).replace('{type: http, listen: "127.0.0.1:0"}', "{type: file, path: in.ndjson}")
    heed = make_heed(text)
    (heed.folder / "in.ndjson").write_text(json.dumps(order(1)) + "\n")
    heed.command("run", "--once", "heed.yaml")
    assert service.names() == ["reserve"]
    assert "waiting" in heed.command("sagas", "ls").stdout


def test_a_rehearsal_takes_no_time(make_heed, service):
    heed = make_heed(config(WAITS, service.url, "30d"))
    (heed.folder / "heed.test.yaml").write_text("""
cases:
  - name: nobody pays
    event: {type: order_placed, data: {id: 1}}
    results: {http: [{status: 200}, {status: 200}]}
    expect: {runs: {order: done}, events: [{type: saga.started}, {type: saga.step_completed}, {type: saga.compensated}]}
""")
    assert "1 passed" in heed.command("test").stdout


PARALLEL = HEAD + """
sagas:
  trip:
    start_on: order_placed
    steps:
      book: {parallel: {branches: [a, [b, c], d], at_once: 2}}
      ship: {do: DO_ship}
      a: {do: DO_a, undo: UNDO_una, set: "{a: .result.body.id}"}
      b: {do: DO_b, undo: UNDO_unb, set: "{b: .result.body.id}"}
      c: {do: DO_c, undo: UNDO_unc, require: .data.b != null and .data.a == null}
      d: {do: DO_d, undo: UNDO_und, set: "{d: true}"}
"""


def test_parallel(make_heed, service):
    heed = make_heed(config(PARALLEL, service.url)).start()
    heed.post(order(1))
    end(heed, DONE)
    names = service.names()
    assert sorted(names[:4]) == ["a", "b", "c", "d"] and names[4] == "ship"
    assert names.index("b") < names.index("c")
    data = json.loads(heed.rows("select body from events where type = 'saga.completed'")[0][0])["data"]["data"]
    assert {"a", "b", "d"} < set(data)


def test_a_branch_fails(make_heed, service):
    service.always["c"] = 422
    heed = make_heed(config(PARALLEL, service.url)).start()
    heed.post(order(1))
    end(heed, DONE)
    done = [n for n in service.names() if not n.startswith("un")]
    undone = [n[2:] for n in service.names() if n.startswith("un")]
    assert sorted(done) == sorted(undone) and {"a", "b"} <= set(done) and "ship" not in done
    assert told(heed)[-1] == ("compensated", "effect")


CHILD = HEAD + """
sagas:
  parent:
    start_on: order_placed
    steps:
      reserve: {do: DO_reserve, undo: UNDO_release}
      deliver:
        start: {saga: delivery, data: "{to: .data.id}"}
        set: "{parcel: .result.parcel}"
        undo: UNDO_call_back
      ship: {do: DO_ship}
  delivery:
    steps:
      child: {do: DO_child, undo: UNDO_unchild, set: "{parcel: .result.body.id}"}
      nap: {sleep: 50ms}
      a: {do: DO_a}
"""


def test_a_child(make_heed, service):
    service.always["ship"] = 422
    heed = make_heed(config(CHILD, service.url)).start()
    heed.post(order(5))
    end(heed, DONE, 2)
    assert service.names() == ["reserve", "child", "a", "call_back", "release"]
    assert service.applied[1][1]["data"] == {"to": 5}
    assert service.applied[3][1]["result"] == {"to": 5, "parcel": 2}


def test_a_child_that_is_compensated(make_heed, service):
    service.always["a"] = 422
    heed = make_heed(config(CHILD, service.url)).start()
    heed.post(order(5))
    end(heed, DONE, 2)
    assert service.names() == ["reserve", "child", "unchild", "release"]
    reason = heed.rows("select text from runs where name = 'parent'")[0][0]
    assert "its run is done, compensated" in reason and "it answered 422" in reason


def test_cancel_reaches_the_child(make_heed, service):
    heed = make_heed(config(CHILD, service.url).replace("50ms", "1h")).start()
    heed.post(order(5))
    heed.until("select count(*) from journal where step = 'nap'", [(1,)])
    heed.command("sagas", "cancel", "1")
    end(heed, DONE, 2)
    assert service.names() == ["reserve", "child", "unchild", "release"]


RANDOM = HEAD + """
sagas:
  order:
    start_on: order_placed
    recover: {policy: retry, retries: 1}
    deadline: 1h
    steps:
      reserve: {do: DO_reserve, undo: UNDO_release}
      both: {parallel: [a, [b, c]]}
      a: {do: DO_a, undo: UNDO_una}
      b: {do: DO_b, undo: UNDO_unb}
      c: {do: DO_c, undo: UNDO_unc}
      nap: {sleep: 20ms}
      paid: {wait_for: {type: paid, subject: "{{ .event.id }}", timeout: 3s}}
      delivered: {start: {saga: delivery}, undo: UNDO_unchild}
      ship: {do: DO_ship}
  delivery:
    steps:
      child: {do: DO_child}
"""

UNDO = {"reserve": "release", "a": "una", "b": "unb", "c": "unc"}


def test_kill_nine(make_heed, service):
    """Killed again and again, on a bad day of the services: nothing twice, and in reverse."""
    seed = int(os.environ.get("HEED_SEED", random.randrange(1 << 30)))
    rounds = int(os.environ.get("HEED_CRASH_ROUNDS", 5))
    print("seed", seed)
    chance = random.Random(seed)
    text = config(RANDOM, service.url).replace("{attempts: 1}", "{attempts: 40, delay: 10ms, delay_max: 20ms}")
    text = text.replace("timeout: 2s", "timeout: 300ms")
    heed = make_heed(text)
    for name in ("reserve", "a", "b", "c", "child", "ship", "release", "una", "unb", "unc"):
        bad = ["lost", "fail", 503, 200] + ([422] if not name.startswith(("un", "rel")) else [])
        service.script[name] = [chance.choice(bad) for _ in range(16)]
    n = 0
    for _ in range(rounds):
        heed.start()
        for _ in range(chance.randrange(1, 5)):
            n += 1
            heed.post(order(n))
            if chance.random() < 0.8:
                heed.post({**paid(n), "subject": str(n)})
        time.sleep(chance.random() * 0.15)
        heed.stop(signal.SIGKILL)
    heed.start()
    heed.until("select count(*) from runs where flow = 'saga' and state not in (5)", [(0,)], seconds=60)
    assert heed.rows("select count(*) from runs where name = 'order'") == [(n,)]
    check_effects(heed, service)


def check_effects(heed, service):
    keys = [key for _, _, key in service.applied]
    assert len(keys) == len(set(keys))
    for run, place, back, step in heed.rows("""
            with e as (select run_id, step, min(n) place from journal group by 1, 2)
            select a.run_id, a.place, b.place, a.step from e a join e b
            on b.run_id = a.run_id and b.step = a.step || '.undo'"""):
        later = heed.rows(f"""with e as (select step, min(n) place from journal where run_id = {run} group by 1)
            select b.step from e a join e b on b.step = a.step || '.undo'
            where a.place > {place} and b.place > {back}""")
        assert later == [], (run, step, later)
    for step, undo in UNDO.items():
        done = heed.rows(f"""select count(*) from journal j join runs r on r.id = j.run_id
            where j.step = '{step}.completed' and r.class = 'compensated'""")[0][0]
        undone = heed.rows(f"select count(*) from journal where step = '{step}.undo' and state = 1")[0][0]
        assert done == undone, step
        assert service.names().count(undo) == undone
    assert heed.rows("""select j.run_id, j.step from journal j join journal c on c.run_id = j.run_id
        and c.step = 'saga.compensating' where j.n > c.n and j.kind in (0, 1, 5, 6)
        and j.step not like '%.undo'""") == []
