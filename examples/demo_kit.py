"""What the demos share: heed on a folder of its own, fed over HTTP, and what came of it."""

import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path


class Demo:
    """`name` is the example's folder; its configuration reads NAME_LISTEN and NAME_STORE."""

    def __init__(self, name, path="/", **env):
        self.here = Path(__file__).resolve().parent / name
        self.heed = os.environ.get("HEED", str(self.here.parents[1] / "build/src/cli/heed"))
        self.folder = tempfile.mkdtemp(prefix=f"heed-{name}-")
        self.store = f"{name.upper()}_STORE"
        self.env = {**os.environ, f"{name.upper()}_LISTEN": "127.0.0.1:0",
                    self.store: f"sqlite:{self.folder}/{name}.db", **env}
        self.config = str(self.here / "heed.yaml")
        self.path = path
        self._start()

    def _start(self):
        self.process = subprocess.Popen([self.heed, "run", self.config], env=self.env,
                                        stderr=subprocess.PIPE, text=True)
        said = []
        for line in self.process.stderr:
            said.append(line)
            if found := re.search(r"http on port (\d+)", line):
                self.url = f"http://127.0.0.1:{found[1]}{self.path}"
            if found := re.search(r"api: on port (\d+)", line):
                self.api = f"http://127.0.0.1:{found[1]}"
            if " running " in line:
                return
        sys.stderr.writelines(said)
        sys.exit(self.process.wait())

    def send(self, what, body, headers):
        """Post one request and print what was answered."""
        request = urllib.request.Request(self.url, data=body, headers=headers)
        try:
            reply = urllib.request.urlopen(request, timeout=10)
        except urllib.error.HTTPError as error:
            reply = error
        with reply:
            print(f"sent {what:24} -> {reply.status} {reply.read().decode().strip()}")

    def call(self, path, data):
        """Post JSON to the api: the status, and what it answers."""
        request = urllib.request.Request(self.api + path, json.dumps(data).encode(),
                                         {"Content-Type": "application/json"})
        try:
            reply = urllib.request.urlopen(request, timeout=30)
        except urllib.error.HTTPError as error:
            reply = error
        with reply:
            return reply.status, json.load(reply)

    def stop(self):
        """End heed, which finishes what is under way."""
        self.process.terminate()
        self.process.stderr.read()
        if self.process.wait() != 0:
            sys.exit("heed did not end well")

    def events(self, type):
        """What events of this type hold, the oldest first."""
        done = subprocess.run([self.heed, "events", "--json", "--type", type, "--config", self.config],
                              env=self.env, check=True, capture_output=True, text=True)
        return [json.loads(line)["body"]["data"] for line in reversed(done.stdout.splitlines())]

    def show(self):
        """Show what came of the events."""
        print()
        self.command("runs")
        print("\nThe first of them, from event to outcome:\n")
        self.command("explain", "1")
        self.look_further("explain 2")

    def look_further(self, words):
        print(f"\nThe store is {self.env[self.store].removeprefix('sqlite:')}. Look further:\n"
              f"  {self.store}={self.env[self.store]} {os.path.relpath(self.heed)} {words} "
              f"--config {os.path.relpath(self.config)}")

    def command(self, *words):
        """Run a command of heed on what the demo did."""
        sys.stdout.flush()
        subprocess.run([self.heed, *words, "--config", self.config], env=self.env, check=True)
