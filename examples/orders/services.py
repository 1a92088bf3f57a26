#!/usr/bin/env python3
"""The services that the fulfilment saga calls: stock, payments and shipments, in memory.

Each does a thing once for each Idempotency-Key and answers a repeated request as the first time.
The card service declines amounts that end in .13. Run by itself it listens on port 8070 (or the
one given) and prints what it does.
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SAYS = {
    ("POST", "reservations"): "stock:    {items} reserved as {id}",
    ("DELETE", "reservations"): "stock:    {id} released",
    ("POST", "payments"): "card:     {amount} charged as {id}",
    ("DELETE", "payments"): "card:     {id} given back",
    ("POST", "shipments"): "shipping: {items} on the way as {id}",
}


class Services:
    def __init__(self, port=0, say=print):
        self.done = {}  # by Idempotency-Key: what was answered
        self.say = say
        self.lock = threading.Lock()
        services = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_it(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, answer = services.do(self.command, self.path.strip("/").split("/"),
                                             json.loads(body) if body else {},
                                             self.headers.get("Idempotency-Key"))
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_POST = do_DELETE = handle_it

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def start(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def do(self, method, path, body, key):
        """One request: (status, answer)."""
        if (method, path[0]) not in SAYS:
            return 404, {"error": f"there is no {method} /{path[0]}"}
        if path[0] == "payments" and f"{body.get('amount', 0):.2f}".endswith(".13"):
            return 402, {"error": "the card was declined"}
        with self.lock:
            if key not in self.done:
                answer = {"id": path[1] if len(path) > 1 else f"{path[0][:3]}-{len(self.done) + 1}"}
                items = ", ".join(body.get("items", []))
                self.say("    " + SAYS[method, path[0]].format(**{**body, **answer, "items": items}))
                self.done[key] = answer
            return 200, self.done[key]


if __name__ == "__main__":
    services = Services(int(sys.argv[1]) if len(sys.argv) > 1 else 8070)
    print(f"stock, card and shipping on {services.url}", flush=True)
    services.server.serve_forever()
