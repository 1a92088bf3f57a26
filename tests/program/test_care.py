"""heed backup and heed verify: a copy of a store in use is whole; what is wrong is found."""

import json
import random
import signal
import sqlite3
import subprocess
import threading

import pytest

from kit import HEED, event

CONFIG = """
heed: 1
name: shop
store: sqlite:shop.db
sources:
  web: {type: http, listen: "127.0.0.1:0"}
retention: {events: 200ms, runs: 100ms, every: 20ms}
reactions:
  good:
    on: order
    then:
      - sql: {statement: "create table if not exists mine(id integer primary key, n int)"}
      - sql: {statement: "insert into mine values(:id, 1)", values: "{id: .event.data.id}"}
      - emit: {type: stored, data: .event.data}
"""

KEEP = CONFIG.replace("events: 200ms, runs: 100ms", "events: keep, runs: keep")


def orders(first, n):
    return [event(i, type="order") for i in range(first, first + n)]


def test_backup_of_a_store_in_use(make_heed):
    """Copies made while events pour in: each is right, and holds all that was accepted before it."""
    heed = make_heed(KEEP).start()
    accepted, stop = 0, threading.Event()

    def pour():
        nonlocal accepted
        while not stop.is_set():
            heed.post(*orders(accepted, 20))
            accepted += 20

    thread = threading.Thread(target=pour)
    thread.start()
    try:
        for i in range(4):
            before = accepted
            done = heed.command("backup", "--json", f"copy{i}.db")
            assert json.loads(done.stdout)["bytes"] == (heed.folder / f"copy{i}.db").stat().st_size
            copy = sqlite3.connect(heed.folder / f"copy{i}.db")
            (n,) = copy.execute("select count(*) from events where type = 'order'").fetchone()
            assert before <= n <= accepted + 20
            copy.close()
            assert heed.command("verify", f"copy{i}.db").returncode == 0
    finally:
        stop.set()
        thread.join()
    assert accepted > 0 and not list(heed.folder.glob("*.part"))
    # A copy is a store: a heed goes on with it where the other was.
    heed.stop()
    again = make_heed(KEEP.replace("shop.db", "copy3.db"))
    again.store = again.folder / "copy3.db"
    again.start()
    again.until("select count(*) from runs where state <> 5", [(0,)])
    (n,), = again.rows("select count(*) from mine")
    assert again.rows("select count(*) from events where type = 'order'") == [(n,)]
    assert again.post(*orders(0, 5))[1] == {"accepted": 0, "duplicates": 5}
    assert again.stop() == 0


def test_backup_says_what_is_wrong(make_heed):
    heed = make_heed(KEEP)
    assert "there is no store" in heed.command("backup", "copy.db", check=False).stderr
    heed.start()
    heed.post(*orders(1, 1))
    heed.stop()
    heed.command("backup", "copy.db")
    twice = heed.command("backup", "copy.db", check=False)
    assert twice.returncode == 1 and "is there already" in twice.stderr and "--force" in twice.stderr
    heed.command("backup", "--force", "copy.db")
    nowhere = heed.command("backup", "nowhere/copy.db", check=False)
    assert nowhere.returncode == 1 and "nowhere/copy.db.part" in nowhere.stderr
    assert heed.command("backup", check=False).returncode == 2
    assert not (heed.folder / "nowhere").exists()


def test_verify_while_running_and_after_kills(make_heed):
    """With retention at work and SIGKILL at random moments the store stays right."""
    chance = random.Random(7)
    heed = make_heed(CONFIG)
    n = 0
    for _ in range(5):
        heed.start()
        for _ in range(chance.randrange(1, 6)):
            heed.post(*orders(n, 30))
            n += 30
        assert heed.command("verify").returncode == 0
        heed.stop(signal.SIGKILL)
        done = heed.command("verify", "--json")
        checks = json.loads(done.stdout)
        assert checks["ok"] and len(checks["checks"]) == 10
    heed.start()
    heed.until("select count(*) from runs where state <> 5", [(0,)])
    assert heed.rows("select count(*), sum(n) from mine") == [(n, n)]
    assert heed.stop() == 0


DAMAGE = {
    "every run has its event": "delete from events where seq = 1",
    "every run has its definition": "delete from definitions",
    "every run is in a state that there is": "update runs set state = 9 where id = 1",
    "every journal has its run": "delete from runs where id = 1",
    "no journal has gaps": "delete from journal where run_id = 2 and n = 1",
    "every event is what its row says": "update events set id = 'other' where seq = 2",
    "every event is what its row says ": "update events set body = 'x' where seq = 2",
    "no stream has gaps": "update events set stream = 'order/1', version = 2, position = 1 where seq = 1",
    "the order of all streams has no gaps": "update events set stream = 'order/1', version = 1, position = 2 where seq = 1",
    "no snapshot is ahead of its stream": "insert into snapshots values('order/1', 'x', 3, '{}', 1)",
}


@pytest.mark.parametrize("check", DAMAGE)
def test_verify_finds(make_heed, check):
    heed = make_heed(KEEP).start()
    heed.post(*orders(1, 3))
    heed.until("select count(*) from runs where state = 5", [(3,)])
    heed.stop()
    assert heed.command("verify").stdout.endswith("the store is right\n")
    db = sqlite3.connect(heed.store, isolation_level=None)
    for (name,) in db.execute("select name from sqlite_schema where type = 'trigger'").fetchall():
        db.execute(f"drop trigger {name}")
    db.execute(DAMAGE[check])
    db.close()
    done = heed.command("verify", check=False)
    assert done.returncode == 1
    assert f"BAD  {check.strip()}" in done.stdout and "restore a backup" in done.stdout


def test_verify_finds_damage(make_heed):
    heed = make_heed(KEEP).start()
    heed.post(*orders(1, 300))
    heed.until("select count(*) from runs where state = 5", [(300,)])
    heed.stop()
    data = bytearray(heed.store.read_bytes())
    for page in range(len(data) // 4096 // 2, len(data) // 4096 - 2):
        data[page * 4096 + 8:page * 4096 + 40] = b"\xff" * 32
    heed.store.write_bytes(data)
    done = heed.command("verify", check=False)
    assert done.returncode == 1, done.stdout
    assert "BAD  the file is whole" in done.stdout or "damaged" in done.stderr or "malformed" in done.stderr


def test_verify_other_files(make_heed, tmp_path):
    heed = make_heed(KEEP)
    for name, said in [("nothing.db", "there is no store"), ("other.db", "another program"), ("text.db", "not a database")]:
        if name == "other.db":
            db = sqlite3.connect(tmp_path / name)
            db.executescript("pragma application_id = 7; create table t(x)")
            db.close()
        elif name == "text.db":
            (tmp_path / name).write_text("hello" * 1000)
        done = subprocess.run([HEED, "verify", name], capture_output=True, text=True, cwd=heed.folder)
        assert done.returncode == 1 and said in done.stderr, done.stderr
