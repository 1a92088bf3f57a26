"""Retention: what is over is forgotten while heed runs; what is not, and what it needs, stays."""

import sqlite3
import time

from kit import event, until

CONFIG = """
heed: 1
name: shop
store: sqlite:shop.db
sources:
  web: {type: http, listen: "127.0.0.1:0"}
retention: {events: 300ms, runs: 100ms, every: 20ms%s}
reactions:
  good:
    on: order
    when: .event.data.how == null
    then: [emit: {type: stored, data: .event.data}]
  bad:
    on: order
    when: .event.data.how == "bad"
    then: [sql: {statement: "insert into nowhere values(1)"}]
  held:
    on: order
    when: .event.data.how == "held"
    then: [{exec: {command: [sh, -c, "kill -9 $$$$"]}}]
  slow:
    on: order
    when: .event.data.how == "slow"
    then: [{exec: {command: [sh, -c, "exit 75"], keyed: true}, retry: {attempts: 100, delay: 10m, delay_max: 10m}}]
"""


def orders(first, n, **data):
    return [event(i, type="order", **data) for i in range(first, first + n)]


def test_what_goes_and_what_stays(make_heed):
    heed = make_heed(CONFIG % "").start()
    heed.post(*orders(1, 50), *orders(100, 1, how="bad"), *orders(101, 1, how="held"))
    heed.until("select count(*) from runs where state in (4, 6)", [(2,)])
    heed.until("select count(*) from runs where state = 5", [(0,)])  # the newest is not among them
    # runs are gone, and with their age the events; dead and held ones keep theirs
    heed.until("select name, state from runs where name <> 'good'", [("bad", 6), ("held", 4)])
    heed.until("select id, type from events where type = 'order' order by seq", [("100", "order"), ("101", "order")])
    # the newest of each stays, for the numbers go on from it
    (newest,), = heed.rows("select max(seq) from events")
    assert heed.rows("select count(distinct run_id) from journal") == [(2,)]
    heed.stop()
    heed.start()
    heed.post(*orders(200, 1))
    (seq,), = heed.rows("select seq from events where id = '200'")
    assert seq > newest
    # it is still known as a duplicate
    assert heed.post(*orders(1, 50))[1] == {"accepted": 0, "duplicates": 50}
    assert heed.stop() == 0


def test_an_unfinished_run_keeps_what_it_may_look_for(make_heed):
    """Events after that of a run that waits stay: it may look for one of them."""
    heed = make_heed(CONFIG % "").start()
    heed.post(*orders(1, 5))
    heed.post(*orders(50, 1, how="slow"))
    heed.until("select state from runs where name = 'slow'", [(3,)])
    heed.post(*orders(60, 5))
    heed.until("select id from events where type = 'order' order by seq", [(str(i),) for i in (50, *range(60, 65))])
    heed.until("select name from runs where id < (select max(id) from runs)", [("slow",)])
    time.sleep(0.5)
    assert heed.rows("select count(*) from events where type = 'order'") == [(6,)]


def test_dead_letters_are_dropped_with_age(make_heed):
    heed = make_heed(CONFIG % ", dead_letters: 400ms").start()
    heed.post(*orders(1, 3, how="bad"), *orders(10, 1, how="held"))
    heed.until("select count(*) from runs where state = 6", [(3,)])
    heed.until("select name from runs where id < (select max(id) from runs) or name = 'held'", [("held",)])
    # the last of them was dropped, too, and stays as the newest run
    heed.until("select id from events e where type = 'order' and not exists"
               " (select 1 from runs where event_seq = seq and state = 7)", [("10",)])


def test_duplicates_are_forgotten(make_heed):
    heed = make_heed(CONFIG % ", duplicates: 1s").start()
    assert heed.post(*orders(1, 1))[1]["accepted"] == 1
    assert heed.post(*orders(1, 1))[1]["duplicates"] == 1
    until(lambda: heed.post(*orders(1, 1))[1]["accepted"] == 1)


def test_size(make_heed):
    """Above the bound the oldest go early, and no more than that; young ones stay."""
    heed = make_heed((CONFIG % ", size: 4MiB").replace("events: 300ms, runs: 100ms", "events: 10d, runs: 10d")).start()
    for i in range(1, 400, 40):
        heed.post(*orders(i, 40, text="x" * 10000))
    heed.until("select count(*) from runs where state = 5", [(400,)])
    time.sleep(0.2)
    assert heed.rows("select count(*) from events where type = 'order'") == [(400,)]  # younger than a minute
    heed.stop()
    db = sqlite3.connect(heed.store, isolation_level=None)
    for table, column in (("events", "received_us"), ("runs", "created_us"), ("runs", "updated_us")):
        db.execute(f"update {table} set {column} = {column} - 86400000000")
    db.close()
    heed.start()

    def size():
        (pages, free, page), = heed.rows("select * from pragma_page_count, pragma_freelist_count, pragma_page_size")
        return (pages - free) * page

    until(lambda: size() < 4 << 20)
    time.sleep(0.2)
    left = [int(i) for (i,) in heed.rows("select id from events where type = 'order' order by seq")]
    assert 20 < len(left) < 390 and left == list(range(401 - len(left), 401))
    assert heed.rows("select count(*) from runs where event_seq not in (select seq from events)") == [(0,)]
    assert heed.stop() == 0


def test_no_stalls(make_heed):
    """Much that is old is forgotten while events come in, and nobody waits for it."""
    heed = make_heed((CONFIG % "").replace("events: 300ms, runs: 100ms", "events: 10d, runs: 10d")).start()
    heed.post(*orders(1, 2))
    heed.until("select count(*) from runs where state = 5", [(2,)])
    heed.stop()
    db = sqlite3.connect(heed.store, isolation_level=None)
    db.executescript("""
        begin;
        create temp table many(i integer primary key);
        insert into many with recursive c(x) as (select 10 union all select x + 1 from c where x < 15009) select x from c;
        insert into events(seq, source, id, type, subject, time_us, received_us, depth, parent_run, trace, body)
          select i, '/old', i, 'order', '', 1, i, 0, 0, '', printf('{"x":"%.*c"}', 500, 'x') from many;
        insert into runs select i, i, flow, name, definition, '', 5, 0, i, i, 0, 0, 0, 0, 0, '', '', '' from runs, many where id = 1;
        insert into journal(run_id, n, kind, state, step, attempt, at_us, ended_us, model, input, cached_input,
            cache_write, output, reasoning, cost_nano, class, request, reply, detail)
          select i, n, 1, 1, 'then.1', 1, 1, 1, '', 0, 0, 0, 0, 0, 0, '', printf('%.*c', 1000, 'x'), '', ''
          from many, (select 1 n union select 2 union select 3);
        commit;
    """)
    db.close()
    heed.start()
    slowest, n = 0, 100000
    while heed.rows("select count(*) from runs where id between 10 and 15000") != [(0,)] or \
            heed.rows("select count(*) from events where source = '/old' and seq < 15000") != [(0,)]:
        started = time.monotonic()
        heed.post(*orders(n, 1))
        slowest = max(slowest, time.monotonic() - started)
        n += 1
        assert n < 103000
        time.sleep(0.005)
    print(f"slowest answer {slowest * 1000:.0f} ms over {n - 100000} posts")
    assert slowest < 1
    assert heed.rows("select count(*) from journal where run_id between 10 and 15000") == [(0,)]
    assert heed.stop() == 0


def test_check(make_heed):
    for text, said in [("events: forever", "a duration"), ("evnts: 3d", 'did you mean "events"?'),
                       ("size: -1", "a size"), ("events: [1d]", "a duration"), ("duplicates: keep", "a duration")]:
        heed = make_heed("heed: 1\nretention: {%s}\n" % text)
        done = heed.command("check", "heed.yaml", check=False)
        assert done.returncode == 78 and said in done.stderr, done.stderr
