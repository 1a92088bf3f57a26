"""An HTTP service as sagas call them: it remembers what was asked of it under which key.

A request to /NAME is an effect called NAME; it is applied once for each Idempotency-Key, and
repeated requests get the first answer. `script[NAME]` says what happens to the next ones: a
list of statuses, "hang" (no answer before the caller gives up), "lost" (applied, and the
connection cut before the answer) or "fail" (cut before it is applied); when it is used up the
effect is applied. `always[NAME]` is the same for each request without end.
"""

import json
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Service:
    def __init__(self):
        self.lock = threading.Lock()
        self.applied = []  # (name, body, key) in order
        self.requests = []  # (name, key) in order
        self.answers = {}  # by key
        self.script = defaultdict(list)
        self.always = {}
        self.released = threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                service.answer(self)

            do_DELETE = do_PUT = do_POST

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        name = handler.path.strip("/")
        key = handler.headers.get("Idempotency-Key", "").strip('"')
        with self.lock:
            self.requests.append((name, key))
            plan = self.always.get(name) or (self.script[name].pop(0) if self.script[name] else 200)
            if plan in (200, "lost") and key not in self.answers:
                self.applied.append((name, json.loads(body) if body else None, key))
                self.answers[key] = {"id": len(self.applied), "name": name}
            answer = self.answers.get(key)
        if plan == "hang":
            self.released.wait(60)
        if plan in ("hang", "lost", "fail"):
            handler.close_connection = True
            return
        text = json.dumps(answer if plan == 200 else {"error": "scripted"}).encode()
        handler.send_response(plan)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    def names(self):
        with self.lock:
            return [name for name, _, _ in self.applied]

    def stop(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def service():
    made = Service()
    yield made
    made.stop()
