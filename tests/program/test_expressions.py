"""Expressions that go to libjq: its worker process, what it may take, and heed check."""

import json
import os
import signal

from kit import event, until

CONFIG = """
heed: 1
name: shop
store: sqlite:shop.db
sources:
  web: {type: http, listen: "127.0.0.1:0"}
reactions:
  count:
    on: basket
    when: '[.event.data.items[]? | select(.n > 1)] | length > 0'
    then:
      - emit: {type: counted, data: "{n: ([.event.data.items[] | .n] | add), id: .event.data.id}"}
  bomb:
    on: bomb
    then:
      - emit: {type: exploded, data: "{a: (.event.data | .[.at] = 1 | length)}"}
"""


def workers(pid):
    """Processes that heed started for libjq."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = open(f"/proc/{name}/stat").read().rsplit(")", 1)
        except OSError:
            continue
        if fields[0].endswith("(heed-jq") and int(fields[1].split()[1]) == pid:
            found.append(int(name))
    return found


def basket(n, *numbers, id=None):
    return event(n, "basket", items=[{"n": number} for number in numbers], id=id)


def test_evaluated_by_a_worker(make_heed):
    heed = make_heed(CONFIG).start()
    assert workers(heed.process.pid) == []
    heed.post(basket(1, 2, 3, id=7), basket(2, 1), basket(3))
    heed.until("select count(*) from events where type = 'counted'", [(1,)])
    body, = heed.rows("select body from events where type = 'counted'")[0]
    assert json.loads(body)["data"] == {"n": 5, "id": 7}
    worker, = workers(heed.process.pid)
    # It is killed from outside: the next evaluation has another.
    os.kill(worker, signal.SIGKILL)
    until(lambda: ") Z " in open(f"/proc/{worker}/stat").read())
    heed.post(basket(4, 2), basket(5, 3))
    heed.until("select count(*) from events where type = 'counted'", [(3,)])
    assert len(workers(heed.process.pid)) == 1 and workers(heed.process.pid) != [worker]
    assert heed.stop() == 0


def test_a_number_that_jq_would_change_is_named(make_heed):
    heed = make_heed(CONFIG).start()
    heed.post(basket(1, 2, id=9007199254740993))
    heed.until("select text like '%the number 9007199254740993 at .event.data.id would be changed by jq%' "
               "from runs where state = 6", [(1,)])


def test_worker_goes_with_heed(make_heed):
    heed = make_heed(CONFIG).start()
    heed.post(basket(1, 2))
    heed.until("select count(*) from events where type = 'counted'", [(1,)])
    worker, = workers(heed.process.pid)
    heed.stop(signal.SIGKILL)
    until(lambda: not os.path.exists(f"/proc/{worker}/comm")
          or "heed-jq" not in open(f"/proc/{worker}/comm").read())
    heed.start()  # neither its lock nor its port is held
    heed.post(basket(2, 2))
    heed.until("select count(*) from events where type = 'counted'", [(2,)])


def test_a_bomb_ends_its_run_only(make_heed):
    heed = make_heed(CONFIG).start()
    heed.post(event(1, "bomb", at=1e9), basket(2, 2))
    heed.until("select count(*) from runs where name = 'bomb' and state = 6", [(1,)])
    text, = heed.rows("select text from runs where name = 'bomb'")[0]
    assert "bomb" in heed.command("runs").stdout
    assert text
    heed.until("select count(*) from events where type = 'counted'", [(1,)])
    assert heed.stop() == 0


def test_check_tells_every_mistake(make_heed):
    heed = make_heed("""heed: 1
name: s
reactions:
  a:
    on: t
    when: .event.data.a == 1 an .event.b
    then: [{log: {message: "x {{ .event.data | map(.n) | lenght }} y"}}]
  b:
    on: t
    when: |
      .event.data.a
        | selct(. > 1)
    then: [{emit: {type: x, data: "{a: $foo}"}}, {emit: {type: x, data: ".event | @jsn"}}]
""")
    told = heed.command("check", check=False).stderr
    for line in ['heed.yaml:6:30: "an" can\'t stand here (did you mean "and"?)',
                 'heed.yaml:7:58: there is no function "lenght" (did you mean "length"?)',
                 'heed.yaml:12:11: there is no function "selct" (did you mean "select"?)',
                 "heed.yaml:13:40: $foo is not defined",
                 'heed.yaml:13:83: there is no format @jsn (did you mean @json?)']:
        assert line in told, told
    assert "5 problems" in told
