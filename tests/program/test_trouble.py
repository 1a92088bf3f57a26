"""Where the world around it is broken: a clear word, the right code, and nothing lost."""

import os
import resource
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import tempfile
import urllib.error
from pathlib import Path

import pytest

from kit import HEED, event, until
from test_reaction import CONFIG

RUNS = "select count(*) from runs where name = 'enrich' and state = 5"


@pytest.fixture
def heed(make_heed):
    return make_heed(CONFIG)


def refused(heed, *words, code=1):
    """It does not start, and says these words; nothing was made or changed."""
    before = heed.store.read_bytes() if heed.store.exists() else None
    result = heed.command("run", str(heed.config), check=False)
    assert result.returncode == code, result.stderr
    for word in words:
        assert word in result.stderr
    assert (heed.store.read_bytes() if heed.store.exists() else None) == before


def test_a_port_in_use(heed):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        heed.config.write_text(CONFIG.replace("127.0.0.1:0", f"127.0.0.1:{other.getsockname()[1]}"))
        result = heed.command("run", str(heed.config), check=False)
    assert result.returncode == 1
    assert "source web: cannot listen on 127.0.0.1:" in result.stderr
    assert "choose another port" in result.stderr


def test_a_missing_secret(heed):
    heed.config.write_text(CONFIG.replace("provider: rules", "provider: rules\n    api_key: ${NO_KEY}"))
    refused(heed, "heed.yaml:8:14: the environment variable NO_KEY is not set", code=78)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_a_folder_that_cannot_be_written():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # pytest's own are private
        config = Path(folder) / "heed.yaml"
        config.write_text(CONFIG)
        binary = shutil.copy(HEED, folder)  # the sources may lie where only root may go
        result = subprocess.run([binary, "run", str(config)], capture_output=True, text=True,
                                user=65534, group=65534, extra_groups=[])
    assert result.returncode == 1
    assert "Permission denied" in result.stderr and "must be there and writable" in result.stderr


def test_a_store_that_is_none(heed):
    heed.store.write_text("Dear diary, today I was mistaken for a database. " * 99)
    refused(heed, "shop.db: ", "not a database", "restore it from a backup")


def test_a_newer_store(heed):
    heed.start()
    heed.stop()
    with sqlite3.connect(heed.store) as db:
        db.execute("pragma user_version = 4711")
    db.close()
    refused(heed, "shop.db is of version 4711", "use the newer heed")


def test_a_store_of_something_else(heed):
    with sqlite3.connect(heed.store) as db:
        db.execute("create table recipes(name text)")
        db.execute("pragma application_id = 7")
    db.close()
    refused(heed, "shop.db", "another program")


def test_a_database_with_tables_is_not_taken_over(heed):
    with sqlite3.connect(heed.store) as db:
        db.execute("create table events(name text)")
    db.close()
    refused(heed, "shop.db", "another program")
    with sqlite3.connect(heed.store) as db:
        assert db.execute("select name from sqlite_schema").fetchall() == [("events",)]
    db.close()


def test_a_store_is_for_its_user_alone(heed):
    heed.start()
    files = sorted(heed.store.parent.glob("shop.db*"))
    assert {file.name for file in files} >= {"shop.db", "shop.db-wal"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    heed.stop()


def test_a_store_that_is_a_folder(heed):
    heed.store.mkdir()
    result = heed.command("run", str(heed.config), check=False)
    assert result.returncode == 1
    assert "shop.db: Is a directory" in result.stderr and "has to be a file" in result.stderr


def test_check_finds_an_unknown_kind_of_store_and_does_nothing_to_the_terminal(heed):
    heed.config.write_text('heed: 1\nstore: mysql:x\n"\\e[2J": 1\n')
    result = heed.command("check", check=False)
    assert result.returncode == 78
    assert ":2:8: store: there is no store \"mysql:x\" (write sqlite:PATH" in result.stderr
    assert "\x1b" not in result.stderr and 'no option "\\x1b[2J"' in result.stderr
    heed.config.write_text("heed: 2\n")
    assert "heed: must be 1, not 2" in heed.command("check", check=False).stderr


def test_a_damaged_store_is_found_after_a_crash(heed):
    heed.start()
    heed.post(*[event(i) for i in range(300)])
    heed.until(RUNS, [(300,)])
    heed.stop()
    heed.start()
    heed.post(event(1000))
    heed.stop(signal.SIGKILL)
    with open(heed.store, "r+b") as file:
        file.seek(20 * 4096)
        file.write(os.urandom(4096))
    refused(heed, "shop.db is damaged", "restore it from a backup")


def test_a_full_disk(heed):
    """A bound on the size of files is what a full disk is: senders are told to come again,
    what is under way waits, and with room again all goes on by itself."""
    heed.start()
    heed.post(*[event(i) for i in range(20)])
    heed.until(RUNS, [(20,)])
    limits = resource.prlimit(heed.process.pid, resource.RLIMIT_FSIZE)
    size = (heed.folder / "shop.db-wal").stat().st_size
    resource.prlimit(heed.process.pid, resource.RLIMIT_FSIZE, (size + 20000, limits[1]))
    accepted, refusal = 20, None
    while refusal is None:
        try:
            heed.post(event(accepted))
            accepted += 1
        except urllib.error.HTTPError as error:
            refusal = error
    assert refusal.code == 503 and refusal.headers["Retry-After"]
    assert "send it again" in refusal.read().decode()
    until(lambda: any("the store cannot be written; trying again" in line for line in heed.log))
    resource.prlimit(heed.process.pid, resource.RLIMIT_FSIZE, limits)
    heed.until(RUNS, [(accepted,)])
    heed.post(event(accepted))
    heed.until(RUNS, [(accepted + 1,)])
    assert heed.stop() == 0
    assert any("the store can be written again" in line for line in heed.log)


def test_a_full_disk_and_a_crash(heed):
    heed.start()
    heed.post(*[event(i) for i in range(5)])
    heed.until(RUNS, [(5,)])
    size = (heed.folder / "shop.db-wal").stat().st_size
    resource.prlimit(heed.process.pid, resource.RLIMIT_FSIZE, (size + 20000,) * 2)
    accepted = 5
    with pytest.raises(urllib.error.HTTPError):
        while True:
            heed.post(event(accepted))
            accepted += 1
    heed.stop(signal.SIGKILL)
    heed.start()
    heed.until(RUNS, [(accepted,)])
    assert heed.rows("select count(*) from events where source = '/crm'") == [(accepted,)]
    assert heed.stop() == 0
