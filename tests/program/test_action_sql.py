"""sql actions against real databases: heed's own, SQLite files, PostgreSQL; SIGKILL included."""

import json
import os
import random
import signal
import socket
import sqlite3
import time

import pytest

from kit import event

HEAD = """
heed: 1
name: shop
store: sqlite:shop.db
sources:
  web: {type: http, listen: "127.0.0.1:0"}
"""

TABLE = "create table customers(id bigint primary key, segment text, times int default 0)"


def react(connection, then):
    return f"{HEAD}\nconnections:\n  crm: {connection}\nreactions:\n  update:\n    on: customer_created\n    then:\n{then}"


ADD = """
      - sql:
          connection: crm
          statement: >-
            insert into customers(id, segment, times) values(:id, :segment, 1)
            on conflict(id) do update set times = customers.times + 1 returning times
          values: "{id: .event.data.id, segment: .event.data.segment}"
      - emit: {type: stored, data: .result}
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def crm(request, tmp_path):
    """A database with the table customers: its URL for heed, and run(sql) for rows."""
    if request.param == "sqlite":
        path = tmp_path / "crm.db"

        def run(sql):
            db = sqlite3.connect(path, timeout=20, isolation_level=None)
            try:
                return [tuple(r) for r in db.execute(sql).fetchall()]
            finally:
                db.close()

        run.url = "sqlite:crm.db"
        run.is_pg = False
    else:
        database = request.getfixturevalue("database")

        def run(sql):
            def number(cell):
                return int(cell) if cell is not None and cell.lstrip("-").isdigit() else cell
            return [tuple(map(number, row)) for row in database.rows(sql)]

        run.url = database.url
        run.is_pg = True
    run(TABLE)
    return run


def test_once(make_heed, crm):
    heed = make_heed(react(crm.url, ADD)).start()
    heed.post(event(9007199254740993, segment="smb"), event(2, segment=None))
    heed.until("select count(*) from runs where state = 5", [(2,)])
    assert crm("select id, segment, times from customers order by id") == [
        (2, None, 1), (9007199254740993, "smb", 1)]
    assert crm("select count(*) from heed_effects where result like '%times%'") == [(2,)]
    results = heed.rows("select body from events where type = 'stored'")
    assert [json.loads(b)["data"] for (b,) in results] == [
        {"rows": [{"times": 1}], "changed": 1}] * 2


def test_types(make_heed, crm):
    """What goes in comes out: whole numbers exact, numbers, texts, truth, null, JSON."""
    kind = {"n": "bigint", "r": "double precision", "t": "text", "b": "boolean", "j": "jsonb"} \
        if crm.is_pg else {"n": "", "r": "", "t": "", "b": "", "j": ""}
    crm("create table kinds(%s)" % ", ".join(f"{c} {t}" for c, t in kind.items()))
    heed = make_heed(react(crm.url, """
      - sql:
          connection: crm
          statement: insert into kinds(n, r, t, b, j) values(:n, :r, :t, :b, :j) returning *
          values: .event.data.values
      - log: {message: "{{ .result.rows[0] }}"}
""")).start()
    values = [
        {"n": 9223372036854775807, "r": 0.1, "t": "Ünïcode ';--", "b": True, "j": {"a": [1, None]}},
        {"n": -9223372036854775808, "r": 1e300, "t": "", "b": False, "j": []},
        {"n": 7, "r": -2.5, "t": ":name", "b": None, "j": {"deep": {"x": "y"}}},
    ]
    heed.post(*[event(i, values=v) for i, v in enumerate(values)])
    heed.until("select count(*) from runs where state = 5", [(3,)])
    rows = heed.rows("select reply from journal where step = 'then.1' order by run_id")
    got = [json.loads(r)["rows"][0] for (r,) in rows]
    if not crm.is_pg:  # SQLite has neither truth nor JSON
        for row, value in zip(got, values):
            row["j"] = json.loads(row["j"])
            row["b"] = None if row["b"] is None else bool(row["b"])
    assert got == values


def test_kill_nine(make_heed, crm):
    """Killed at random moments: each event counted exactly once in the other database."""
    seed = int(os.environ.get("HEED_SEED", random.randrange(1 << 30)))
    rounds = int(os.environ.get("HEED_CRASH_ROUNDS", 6))
    print("seed", seed)
    chance = random.Random(seed)
    heed = make_heed(react(crm.url, ADD))
    n = 0
    for _ in range(rounds):
        heed.start()
        for _ in range(chance.randrange(1, 5)):
            batch = [event(n + i) for i in range(chance.randrange(1, 20))]
            n += len(batch)
            heed.post(*batch)
        time.sleep(chance.random() * 0.05)
        heed.stop(signal.SIGKILL)
    heed.start()
    heed.until("select count(*) from runs where state = 5", [(n,)])
    assert crm("select count(*), min(times), max(times) from customers") == [(n, 1, 1)]
    assert heed.rows("select count(*) from runs where state <> 5") == [(0,)]
    assert crm("select count(*) from heed_effects where key = 'x' or result = ''") == [(0,)]
    again = heed.rows("select count(*) from journal where state = 3")
    print("effects that were cut off:", again)


def test_failures(make_heed, crm):
    heed = make_heed(react(crm.url, """
      - sql: {connection: crm, statement: "insert into customers(id) values(:id)", values: "{id: .event.data.id}"}
""")).start()
    heed.post(event(1), event("one"))
    heed.post({**event(1), "id": "again"})
    heed.until("select count(*) from runs where state > 3", [(3,)])
    dead = heed.rows("select text from runs where state = 6 order by id")
    assert len(dead) == 2 if crm.is_pg else 1  # SQLite takes a text for any number
    assert any("23505" in t or "UNIQUE" in t for (t,) in dead)
    if crm.is_pg:
        assert any("22P02" in t for (t,) in dead)
    assert heed.rows("select count(*) from journal where step = 'then.1'") == [(3,)]  # no repeats


def test_read_only_and_too_many_rows(make_heed, crm):
    crm("insert into customers(id) values " + ", ".join(f"({i})" for i in range(20)))
    heed = make_heed(react(crm.url, """
      - sql: {connection: crm, statement: "select id from customers where id < :n order by id", values: "{n: .event.data.id}", read_only: true, rows_max: 10}
      - log: {message: "{{ .result.rows }}"}
  write:
    on: customer_created
    then:
      - sql: {connection: crm, statement: "delete from customers", read_only: true}
  greedy:
    on: customer_created
    then:
      - sql: {connection: crm, statement: "delete from customers returning id", rows_max: 10}
""")).start()
    heed.post(event(3), event(11))
    heed.until("select name, count(*) from runs where state = 6 group by name order by name",
               [("greedy", 2), ("update", 1), ("write", 2)])
    heed.until("select count(*) from runs where state = 5", [(1,)])
    assert any('[{"id":0},{"id":1},{"id":2}]' in line.replace("\\", "") for line in heed.log)
    assert crm("select count(*) from customers") == [(20,)]  # nothing of it stayed
    assert "more than 10 rows" in heed.rows("select text from runs where name = 'greedy'")[0][0]


def test_statement_takes_too_long(make_heed, crm):
    slow = "select pg_sleep(:s)" if crm.is_pg else (
        "with recursive c(x) as (select 1 union all select x + 1 from c where x < 1000000000 * :s) "
        "select count(*) from c")
    heed = make_heed(react(crm.url, f"""
      - sql: {{connection: crm, statement: "{slow}", values: "{{s: 60}}"}}
        timeout: 300ms
        retry: {{attempts: 1}}
""")).start()
    started = time.monotonic()
    heed.post(event(1))
    heed.until("select count(*) from runs where state = 6", [(1,)])
    assert time.monotonic() - started < 5
    # SIGTERM does not wait for one that is under way and hangs
    heed.config.write_text(heed.config.read_text().replace("300ms", "60s")
                           .replace("limits", "") + "\nlimits: {drain: 200ms}\n")
    heed.stop()
    heed.start()
    heed.post(event(2))
    heed.until("select count(*) from journal where state = 0", [(1,)])
    time.sleep(0.1)
    started = time.monotonic()
    assert heed.stop() == 0
    assert time.monotonic() - started < 5


def test_sqlite_lock_is_waited_for(make_heed, tmp_path):
    db = sqlite3.connect(tmp_path / "crm.db", isolation_level=None)
    db.execute(TABLE)
    db.execute("begin immediate")
    heed = make_heed(react("sqlite:crm.db", ADD)).start()
    heed.post(event(1))
    heed.until("select count(*) from journal where step = 'then.1'", [(1,)])
    db.execute("commit")
    heed.until("select count(*) from runs where state = 5", [(1,)])
    assert heed.rows("select max(attempt) from journal where step = 'then.1'") == [(1,)]


def test_sqlite_fence(make_heed, tmp_path):
    """Users' statements keep to their transaction, and a file that is not there is not made."""
    sqlite3.connect(tmp_path / "crm.db").execute(TABLE)
    statements = {"attach": "attach 'other.db' as o", "pragma": "pragma user_version = 3",
                  "effects": "delete from heed_effects"}
    config = HEAD + "\nconnections: {crm: sqlite:crm.db, gone: sqlite:gone.db, own: sqlite:../%s/shop.db}\nreactions:\n" \
        % tmp_path.name
    for name, statement in statements.items():
        config += f'  {name}: {{on: x, then: [sql: {{connection: crm, statement: "{statement}"}}]}}\n'
    config += '  own: {on: x, then: [sql: {connection: own, statement: "delete from runs"}]}\n'
    config += '  gone: {on: x, then: [{sql: {connection: gone, statement: "select 1"}, retry: {attempts: 1}}]}\n'
    heed = make_heed(config).start()
    heed.post(event(1, type="x"))
    heed.until("select count(*) from runs where state = 6", [(5,)])
    texts = dict(heed.rows("select name, text from runs"))
    assert "a store of heed's" in texts["own"] and "unable to open" in texts["gone"]
    assert all("it may not touch" in texts[name] for name in statements)
    assert not (tmp_path / "gone.db").exists()


def test_postgres_comes_back(make_heed, database, postgres):
    """A server that is restarted: idle sessions are made anew, statements wait for it."""
    database.run(TABLE)
    heed = make_heed(react(database.url, ADD.replace(
        "      - emit", "        retry: {attempts: 50, delay: 50ms, delay_max: 200ms}\n      - emit"))).start()
    heed.post(event(1, segment="a"))
    heed.until("select count(*) from runs where state = 5", [(1,)])
    postgres.stop()
    heed.post(event(2, segment="b"))
    heed.until("select count(*) > 0 from journal where state = 2", [(1,)])
    postgres.start()
    heed.until("select count(*) from runs where state = 5", [(2,)])
    postgres.stop()
    postgres.start()
    heed.post(event(3, segment="c"))
    heed.until("select count(*) from runs where state = 5", [(3,)])
    # the idle session was lost, and nobody noticed
    assert heed.rows("select count(*) from journal where step = 'then.1' and run_id = 3") == [(1,)]
    assert database.rows("select id, times from customers order by id") == [
        ("1", "1"), ("2", "1"), ("3", "1")]


def test_a_server_that_hangs(make_heed, tmp_path):
    """A database that takes connections and says nothing holds nobody up but its own statements."""
    sqlite3.connect(tmp_path / "good.db").execute(TABLE)
    with socket.create_server(("127.0.0.1", 0), backlog=50) as silent:
        port = silent.getsockname()[1]
        heed = make_heed(HEAD + f"""
connections: {{hung: "postgresql://heed@127.0.0.1:{port}/x", good: sqlite:good.db}}
reactions:
  hung:
    on: customer_created
    then: [{{sql: {{connection: hung, statement: select 1}}, timeout: 1500ms, retry: {{attempts: 1}}}}]
  good:
    on: customer_created
    then: [sql: {{connection: good, statement: insert into customers(id) values(:id), values: "{{id: .event.data.id}}"}}]
""").start()
        started = time.monotonic()
        heed.post(*[event(i) for i in range(30)])
        heed.until("select count(*) from runs where name = 'good' and state = 5", [(30,)], 10)
        assert heed.rows("select count(*) from runs where name = 'hung' and state > 3") == [(0,)] or \
            time.monotonic() - started > 1.5
        heed.until("select count(*) from runs where name = 'hung' and state = 6", [(30,)], 20)
        texts = {t for (t,) in heed.rows("select text from runs where name = 'hung'")}
        assert all("did not answer" in t or "was free in time" in t for t in texts) and len(texts) == 2
        assert heed.stop() == 0


def test_without_the_right_to_make_tables(make_heed, database):
    database.run(TABLE + """;
        drop role if exists guest; create role guest login; grant select, insert, update on customers to guest;
        revoke create on schema public from public, guest""")
    url = database.url.replace("heed@", "guest@")
    config = react(url, ADD)
    heed = make_heed(config).start()
    heed.post(event(1, segment="a"))
    heed.until("select count(*) from runs where state = 6", [(1,)])
    (text,), = heed.rows("select text from runs")
    assert "heed_effects" in text and "once: false" in text and "42501" in text
    heed.stop()
    heed.config.write_text(config.replace("connection: crm\n", "connection: crm\n          once: false\n"))
    heed.start()
    heed.post(event(2, segment="b"))
    heed.until("select count(*) from runs where state = 5", [(1,)])
    assert database.rows("select id from customers") == [("2",)]
    heed.stop()
    database.run("drop owned by guest; drop role guest")


CHECKS = [
    ("connection: crn", 'did you mean "crm"?'),
    ("statement: 'select :idd'", "there is no value for :idd (did you mean \"id\"?)"),
    ("statement: 'select 1'", "the statement has no :id"),
    ("statement: 'select :id; select 2'", "more than one statement"),
    ("statement: 'begin'", "is no statement for here"),
    ("statement: \"select ':id\"", "is not closed"),
    ("statement: 'select $1'", "write :name"),
    ("statement: '-- nothing'", "there is no statement"),
    ("statment: 'x'", 'did you mean "statement"?'),
]


@pytest.mark.parametrize("change, said", CHECKS, ids=[c for c, _ in CHECKS])
def test_check(make_heed, change, said):
    lines = {"connection": "connection: crm", "statement": "statement: 'select :id::int'",
             "values": 'values: "{id: .event.data.id}"'}
    lines[change.split(":")[0]] = change
    heed = make_heed(react("sqlite:crm.db", "      - sql:\n" + "".join(
        f"          {line}\n" for line in lines.values())))
    done = heed.command("check", "heed.yaml", check=False)
    assert done.returncode == 78 and said in done.stderr, done.stderr


@pytest.mark.parametrize("url, said", [
    ("postgrsql://x/y", 'did you mean "postgresql:"?'),
    ("mysql://x/y", "postgresql://HOST/NAME"),
    ("'sqlite:'", "names no file"),
    ("sqlite:shop.db", "heed's own store"),
    ("{url: 'sqlite:x.db', password: secret}", "no password"),
    ("{url: 'postgresql://heed:topsecret@h/x?sslmod=on'}", "cannot read the URL"),
    ("{ur: x}", 'did you mean "url"?'),
], ids=str)
def test_check_connection(make_heed, url, said):
    heed = make_heed(react(url, "      - log: {message: x}\n"))
    done = heed.command("check", "heed.yaml", check=False)
    assert done.returncode == 78 and said in done.stderr, done.stderr
    assert "topsecret" not in done.stderr


def test_own_store(make_heed):
    """On heed's own database: in the run's commit, with its rows as the result."""
    heed = make_heed(HEAD + """
reactions:
  update:
    on: customer_created
    then:
      - sql: {statement: "create table if not exists customers(id integer primary key, times int)"}
      - sql:
          statement: insert into customers values(:id, 1) on conflict do update set times = times + 1 returning *
          values: "{id: .event.data.id}"
      - log: {message: "now {{ .result }}"}
      - http: {url: "http://127.0.0.1:1/{{ .result }}"}
        if: 'false'
""").start()
    heed.post(event(1), event(2))
    heed.until("select count(*) from runs where state = 5", [(2,)])
    assert heed.rows("select reply from journal where step = 'then.2' order by run_id") == [
        ('{"rows":[{"id":1,"times":1}],"changed":1}',), ('{"rows":[{"id":2,"times":1}],"changed":1}',)]
    assert sum('now {"rows"' in line.replace("\\", "") for line in heed.log) == 2
