"""What the whole-program tests share: a heed process on a folder of its own."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

HEED = os.environ.get("HEED", str(Path(__file__).parents[2] / "build/src/cli/heed"))


def until(look, seconds=30):
    """Call `look` until what it gives is true; that value."""
    end = time.monotonic() + seconds
    while not (value := look()):
        assert time.monotonic() < end, f"still {value!r} after {seconds} s"
        time.sleep(0.01)
    return value


class Heed:
    """A folder with a configuration, and the process on it; start it as often as you like.

    The configuration listens on port 0 ("127.0.0.1:0"); `ports` has what each http source got,
    by its name, `port` the last of them. `log` is what the process has written to standard error
    so far.
    """

    def __init__(self, folder, config, store="shop.db"):
        self.folder, self.store = folder, folder / store
        self.config = folder / "heed.yaml"
        self.config.write_text(config)
        self.process = self.port = self._reader = None
        self.ports = {}
        self.log = []

    def start(self, *options, env=None):
        self.log = []
        self.process = subprocess.Popen(
            [HEED, "run", *options, str(self.config)], stderr=subprocess.PIPE, text=True,
            cwd=self.folder, env={**os.environ, **(env or {})},
        )
        for line in self.process.stderr:
            self.log.append(line)
            if found := re.search(r"source (\S+): http on port (\d+)", line):
                self.port = self.ports[found[1]] = int(found[2])
            if " running " in line or '"running"' in line:
                break
        else:
            raise AssertionError(f"heed ended with {self.process.wait()}: {''.join(self.log)}")
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def _read(self):
        for line in self.process.stderr:
            self.log.append(line)

    def request(self, body, type="application/cloudevents-batch+json", path="/", headers=None,
                method="POST"):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data=body, method=method,
            headers={"Content-Type": type, **(headers or {})},
        )
        return urllib.request.urlopen(request, timeout=20)

    def post(self, *events):
        with self.request(json.dumps(list(events)).encode()) as reply:
            return reply.status, json.load(reply)

    def rows(self, sql):
        db = sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)
        try:
            return db.execute(sql).fetchall()
        finally:
            db.close()

    def execute(self, sql):
        """Change the store behind heed's back, which is not running."""
        with sqlite3.connect(self.store) as db:
            db.execute(sql)
        db.close()

    def until(self, sql, wanted, seconds=30):
        """Look until the query gives what is wanted."""
        end = time.monotonic() + seconds
        while (rows := self.rows(sql)) != wanted:
            assert time.monotonic() < end, rows
            time.sleep(0.01)

    def command(self, *words, check=True, **more):
        """A heed command in this folder: its finished process."""
        return subprocess.run([HEED, *words], capture_output=True, text=True, check=check,
                              cwd=self.folder, timeout=60, **more)

    def stop(self, signum=signal.SIGTERM):
        if self.process is None:
            return None
        self.process.send_signal(signum)
        code = self.process.wait(timeout=60)
        self._reader.join(timeout=10)
        self.process.stderr.close()
        self.process = None
        return code


def event(n, type="customer_created", **data):
    data = {"id": n, "email": "a@example.com", "employees": 500, **data}
    return {"specversion": "1.0", "id": str(n), "source": "/crm", "type": type, "data": data}
