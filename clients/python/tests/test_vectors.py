"""Every story of clients/generated/vectors.json, told to the gate."""

import json
import unittest
from pathlib import Path

from tradingsafety_gate import Gate, Holding, PermitError, read_public_key, read_public_keys

VECTORS = json.loads((Path(__file__).parents[2] / "generated" / "vectors.json").read_text())


class Teller:
    """A gate whose clocks stand where the story says."""

    def __init__(self) -> None:
        self.now = 0.0
        self.wall_now = 0.0
        self.told: list[object] = []
        self.answers = 0
        keys = read_public_keys(json.dumps(VECTORS["keys"]))
        self.gate = Gate(
            lambda: keys,
            lambda duties, permit: self.told.append((duties, permit.get("limits"))),
            now=lambda: self.now,
            wall_now=lambda: self.wall_now,
            make_challenge=self.challenge,
        )

    def challenge(self) -> str:
        self.answers += 1
        return f"challenge-{self.answers}"


class VectorTest(unittest.TestCase):
    def test_stories(self) -> None:
        self.assertGreaterEqual(len(VECTORS["scenarios"]), 20)
        for scenario in VECTORS["scenarios"]:
            teller = Teller()
            for index, step in enumerate(scenario["steps"]):
                with self.subTest(scenario["name"], step=index):
                    self.take(teller, step)

    def test_positions(self) -> None:
        teller = Teller()
        for step in VECTORS["scenarios"][0]["steps"][:2]:
            self.take(teller, step)
        book, expect = VECTORS["positions"]["book"], VECTORS["positions"]["expect"]
        held = [Holding(**holding) for holding in book["held"]]
        answer = teller.gate.positions(book["account"], book["restingOrders"], held, at=book["at"] / 1000)
        self.assertTrue(answer["instance"])
        self.assertEqual(json.loads(json.dumps(answer)), {**expect, "instance": answer["instance"]})

    def take(self, teller: Teller, step: dict) -> None:
        teller.now, teller.wall_now, teller.told = step["now"], step["wallNow"], []
        expect = step["expect"]
        if "message" in step:
            body, headers = step["message"]["body"].encode(), step["message"]["headers"]
            if "error" in expect:
                with self.assertRaises(PermitError) as caught:
                    teller.gate.receive(body, headers)
                self.assertEqual(caught.exception.code, expect["error"])
            else:
                answer = teller.gate.receive(body, headers)
                wanted = {name: expect[name] for name in ("applied", "epoch", "permissions")}
                self.assertEqual({name: answer[name] for name in wanted}, wanted)
        self.assertEqual(teller.told, [(expect["duties"], expect.get("limits"))] if "duties" in expect else [])
        self.assertEqual(teller.gate.permissions().as_json(), expect["permissions"])
        self.assertEqual(teller.gate.may_open(), expect["permissions"]["open"])


class KeyTest(unittest.TestCase):
    def test_what_is_no_key_is_refused(self) -> None:
        for text in ("", "whpk_", "whpk_AAAA", "whsk_" + "A" * 43 + "=", "whpk_!" + "A" * 42 + "="):
            with self.subTest(text), self.assertRaises(PermitError) as caught:
                read_public_key(text)
            self.assertEqual(caught.exception.code, "KEY")

    def test_all_public_keys_or_none_are_read(self) -> None:
        good = VECTORS["keys"]["raise"][0]
        parts = [{}, {"permit": [good]}, {"permit": ["x"], "raise": []}, {"permit": 1, "raise": []}]
        for text in ("", "null", "[]", *map(json.dumps, parts)):
            with self.subTest(text), self.assertRaises(PermitError) as caught:
                read_public_keys(text)
            self.assertEqual(caught.exception.code, "KEY")


if __name__ == "__main__":
    unittest.main()
