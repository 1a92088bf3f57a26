"""A PostgreSQL server of the tests' own, on a folder and a port of its own.

The server refuses to run as root: then it is run as the user `postgres`, or `nobody`.

    def test_x(database):
        database.run("create table t(n int)")
        ... heed against database.url ...
        assert database.rows("select n from t") == [("1",)]
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",  # a killed server loses nothing, only a power cut would
    "wal_level": "logical",
    "max_wal_senders": "10",
    "max_replication_slots": "10",
    "max_prepared_transactions": "4",
    "shared_buffers": "16MB",
    "timezone": "UTC",
}


def find_tools():
    """The folder of initdb and postgres."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in [*folders, *map(Path, os.environ["PATH"].split(os.pathsep))]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise FileNotFoundError("PostgreSQL is not installed: apt-get install postgresql")


def as_other():
    """The user to be when we are root: (uid, gid), or None."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
            return user.pw_uid, user.pw_gid
        except KeyError:
            continue
    raise RuntimeError("there is no user postgres and no nobody")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A running server; `url(name)` is that of a database, `stop` and `start` at will."""

    def __init__(self, settings=SETTINGS):
        self.tools, self.other = find_tools(), as_other()
        self.folder = Path(tempfile.mkdtemp(prefix="heed-pg-"))
        self.settings, self.port, self.process = settings, free_port(), None
        if self.other:
            os.chown(self.folder, *self.other)
        self._call("initdb", "-D", str(self.folder / "data"), "-U", "heed", "-A", "trust",
                   "-E", "UTF8", "--no-locale", "--no-sync")
        self.start()

    def _as(self):
        return {"user": self.other[0], "group": self.other[1], "extra_groups": []} \
            if self.other else {}

    def _call(self, tool, *words):
        done = subprocess.run([str(self.tools / tool), *words], capture_output=True, text=True,
                              cwd=self.folder, timeout=120, **self._as())
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self):
        settings = {**self.settings, "port": str(self.port)}
        words = [w for name, value in settings.items() for w in ("-c", f"{name}={value}")]
        self.log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(
            [str(self.tools / "postgres"), "-D", str(self.folder / "data"), *words],
            stdout=self.log, stderr=self.log, cwd=self.folder, **self._as())
        end = time.monotonic() + 60
        while subprocess.run([str(self.tools / "pg_isready"), "-q", "-h", "127.0.0.1", "-p",
                              str(self.port), "-U", "heed", "-d", "postgres"]).returncode != 0:
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < end, "PostgreSQL does not start"
            time.sleep(0.02)

    def stop(self, signum=signal.SIGINT):
        """SIGINT: fast, connections are cut; SIGQUIT: at once, as in a crash."""
        if self.process:
            self.process.send_signal(signum)
            self.process.wait(timeout=60)
            self.log.close()
            self.process = None

    def close(self):
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, name):
        return f"postgresql://heed@127.0.0.1:{self.port}/{name}"


class Database:
    """A database of one test. Rows are of texts, None for null."""

    def __init__(self, server, name):
        self.server, self.name, self.url = server, name, server.url(name)

    def run(self, sql, check=True):
        done = subprocess.run(
            [str(self.server.tools / "psql"), "-qAtX", "-v", "ON_ERROR_STOP=1", "-F", "\t",
             "-P", "null=\\N", "-d", self.url],
            input=sql, capture_output=True, text=True, timeout=60)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def rows(self, sql):
        return [tuple(None if cell == "\\N" else cell for cell in line.split("\t"))
                for line in self.run(sql).splitlines()]


@pytest.fixture(scope="session")
def postgres():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def database(postgres, request):
    """A fresh database on the session's server."""
    name = f"t{os.getpid()}_{abs(hash(request.node.nodeid)) % 10**9}"
    Database(postgres, "postgres").run(f"create database {name}")
    yield Database(postgres, name)
    Database(postgres, "postgres").run(f"drop database if exists {name} with (force)")
