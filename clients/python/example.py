"""A bot in twenty lines: it opens positions only while its gate is open. Run with the desk's public keys."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tradingsafety_gate import Gate, PermitError, read_public_key

keys = {name: [read_public_key(os.environ[name])] for name in ("PERMIT_KEY", "RAISE_KEY")}
gate = Gate(lambda: keys["PERMIT_KEY"], lambda: keys["RAISE_KEY"], lambda duties, permit: print("do", duties))


class Permits(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers["content-length"] or 0), 65_536))
        try:
            status, answer = 200, gate.receive(body, {name.lower(): value for name, value in self.headers.items()})
        except PermitError as error:
            status, answer = (401 if error.code == "SIGNATURE" else 400), {"error": str(error)}
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())


if __name__ == "__main__":  # On the order path: `if gate.may_open(): ...`
    ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8090"))), Permits).serve_forever()
