"""A web service of the tests: it keeps what it was asked, and answers as it is told.

    with Web() as web:
        web.answer = lambda request: (200, {"id": 7})
        ... heed against web.url ...
        assert web.requests[0].body == ...

An answer is a status, (status, body) or (status, body, headers); a body of dict or list goes as
JSON, str as text, bytes as they are. None: the connection is cut. A function may also wait.
"""

import json
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Request:
    def __init__(self, handler, body):
        self.method, self.target = handler.command, handler.path
        parts = urlsplit(handler.path)
        self.path, self.query = parts.path, parse_qs(parts.query, keep_blank_values=True)
        self.headers = {name.lower(): value for name, value in handler.headers.items()}
        self.raw = body
        try:
            self.body = json.loads(body) if body else None
        except ValueError:
            self.body = body.decode("utf-8", "replace")

    @property
    def key(self):
        return self.headers.get("idempotency-key")


class Web:
    def __init__(self, tls=None):
        """tls: a folder; a certificate is made there as ca.pem, and served."""
        self.requests, self.answer, self.lock = [], 200, threading.Lock()
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self):
                length = int(self.headers.get("Content-Length") or 0)
                request = Request(self, self.rfile.read(length))
                with web.lock:
                    web.requests.append(request)
                answer = web.answer(request) if callable(web.answer) else web.answer
                if answer is None:
                    self.close_connection = True
                    self.connection.close()
                    return
                status, body, headers = (*(answer if isinstance(answer, tuple) else (answer,)),
                                         None, None)[:3]
                headers = dict(headers or {})
                if isinstance(body, (dict, list)):
                    body = json.dumps(body)
                    headers.setdefault("Content-Type", "application/json")
                body = body.encode() if isinstance(body, str) else body or b""
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = serve

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # peers that were killed

        self.server = Server(("127.0.0.1", 0), Handler)
        scheme = "http"
        if tls:
            scheme, self.ca = "https", tls / "ca.pem"
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                 "-nodes", "-keyout", tls / "key.pem", "-out", self.ca, "-days", "2", "-subj",
                 "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"],
                check=True, capture_output=True)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.ca, tls / "key.pem")
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"{scheme}://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
