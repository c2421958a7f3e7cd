"""A bot in some twenty lines: it opens positions only while its gate is open. KEYS names keys.json of the ConfigMap."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tradingsafety_gate import Gate, Holding, PermitError, read_public_keys

keys = Path(os.environ["KEYS"])  # Read with each message: keys are exchanged while bots run.
held: list[Holding] = []  # As the venue says.
gate = Gate(lambda: read_public_keys(keys.read_text()), lambda duties, permit: print("do", duties, flush=True))


class Permits(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.answer(200, gate.positions("example", 0, held))

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers["content-length"] or 0), 65_536))
        try:
            self.answer(200, gate.receive(body, {name.lower(): value for name, value in self.headers.items()}))
        except PermitError as error:
            self.answer(401 if error.code == "SIGNATURE" else 400, {"error": str(error)})

    def answer(self, status: int, body: dict) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


if __name__ == "__main__":  # On the order path: `if gate.may_open(): ...`
    ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8090"))), Permits).serve_forever()
