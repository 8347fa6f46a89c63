"""The HTTP side of an ERP, for tests: keeps documents and receipts, logs each effect, and can be
told to misbehave. The protocol is in examples/plugins/credit_notes_python/credit_notes.py.

Modes, set as `mode` and taken back by "ok":
    fail    answers 503 and keeps nothing
    refuse  answers 422 and keeps nothing
    lose    keeps it, and closes the connection without an answer
    slow    keeps it, and answers after `slow_seconds`
    twice   keeps it, and answers twice on the same connection
    garble  keeps nothing, and answers what is not JSON
"""

import json
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FakeErp:
    def __init__(self, token="s3cr3t-token", port=0):
        self.token = token
        self.mode = "ok"
        self.slow_seconds = 30
        self.lock = threading.Lock()
        self.effects = []    # (path, key, document), each effect once: what an accountant would see
        self.requests = []   # (method, path, key), each request
        self.receipts = []
        self.server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/api"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def documents(self, path):
        with self.lock:
            return [document for p, _, document in self.effects if p == path]

    def _take(self, path, key, document):
        """Once for each key; whether it was new. Another document under a key is an error."""
        with self.lock:
            for known_path, known_key, known in self.effects:
                if known_key == key:
                    assert (known_path, known) == (path, document), f"{key} means two things"
                    return False
            self.effects.append((path, key, document))
            return True

    def _page(self, query):
        after = int(query.get("after", ["0"])[0] or 0)
        limit = int(query["limit"][0])
        with self.lock:
            receipts = self.receipts[after:after + limit]
            end = after + len(receipts)
            return {"receipts": receipts, "next": str(end), "more": end < len(self.receipts)}

    def _handler(erp):  # pylint: disable=no-self-argument
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self, status, body, times=1):
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                for _ in range(times):
                    self.send_response(status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(data)))
                    if status == 503:
                        self.send_header("Retry-After", "1")
                    self.end_headers()
                    self.wfile.write(data)

            def _serve(self):
                url = urllib.parse.urlsplit(self.path)
                path = url.path.removeprefix("/api")
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                key = self.headers.get("Idempotency-Key", "")
                with erp.lock:
                    erp.requests.append((self.command, path, key))
                    mode = erp.mode
                if self.headers.get("Authorization") != f"Bearer {erp.token}":
                    return self._answer(401, {"error": "no such token"})
                if mode == "fail":
                    return self._answer(503, {"error": "down"})
                if mode == "refuse":
                    return self._answer(422, {"error": "no such order"})
                if mode == "garble":
                    return self._answer(200, b"<html>")
                if self.command == "GET":
                    answer = (200, erp._page(urllib.parse.parse_qs(url.query)))
                elif not key:
                    return self._answer(400, {"error": "no Idempotency-Key"})
                else:
                    new = erp._take(path, key, json.loads(body))
                    answer = (201 if new else 200, {"id": key})
                if mode == "lose":
                    self.close_connection = True
                    return None
                if mode == "slow":
                    time.sleep(erp.slow_seconds)
                return self._answer(*answer, times=2 if mode == "twice" else 1)

            def do_GET(self):  # noqa: N802  (the library's name)
                self._serve()

            do_POST = do_GET

            def log_message(self, *_):
                pass

        return Handler
