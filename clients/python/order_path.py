"""`python order_path.py`: what the gate costs on the order path, beside reading one attribute."""

import base64
import json
import timeit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tradingsafety_gate import Gate

CHECKS = 2_000_000
key = Ed25519PrivateKey.generate()
gate = Gate(lambda: {"permit": [key.public_key()], "raise": []}, lambda duties, permit: None)


def send(challenge: str) -> str:
    """Sends a permit for Normal that answers this challenge, and returns the next."""
    body = json.dumps(
        {
            "version": 1,
            "kind": "Permit",
            "desk": {"namespace": "d", "uid": "u", "generation": 1},
            "target": "bots",
            "mode": "Normal",
            "permissions": {"open": True, "reduce": "free", "amendStops": "free"},
            "duties": {},
            "reason": "",
            "ttlMilliseconds": 60_000,
            "challenge": challenge,
        }
    ).encode()
    signature = base64.b64encode(key.sign(b"id.1." + body)).decode()
    headers = {"webhook-id": "id", "webhook-timestamp": "1", "webhook-signature": f"v1a,{signature}"}
    return gate.receive(body, headers)["challenge"]


if __name__ == "__main__":
    send(send(""))
    assert gate.may_open()
    print(f"n {CHECKS} each")
    for name, check in (("attribute", "gate._open_until"), ("gate, open", "gate.may_open()")):
        seconds = timeit.timeit(check, globals={"gate": gate}, number=CHECKS)
        print(f"{name:12} {seconds / CHECKS * 1e9:6.1f} ns")
