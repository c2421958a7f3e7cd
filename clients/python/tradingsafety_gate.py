"""The gate that a trading bot embeds: paused until a signed permit answers its challenge, and when that has run out.

What it does with a message is laid down in docs/permits.md; clients/generated/vectors.json tests it.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LONGEST_TTL_MS = 60_000
RAISE_FRESH_MS = 30_000
CHALLENGES_KEPT = 32
RAISES_KEPT = 64
SIGNATURES_AT_MOST = 8
LONGEST_TEXT = 1024
NO_DESK = ""

REDUCTIONS = ("free", "stops-placed", "none")
AMENDMENTS = ("free", "tighten", "none")
MODES = ("Normal", "Pause", "Reduce", "Emergency", "Freeze")


class PermitError(Exception):
    """A message that is refused. ``code``: KEY, SIGNATURE (of nobody known) or MALFORMED (signed, and no permit)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Permissions:
    """What a bot may do. Cancelling is always allowed."""

    open: bool
    reduce: str
    amend_stops: str

    def joined(self, other: Permissions) -> Permissions:
        """What both allow."""
        return Permissions(
            self.open and other.open,
            max(self.reduce, other.reduce, key=REDUCTIONS.index),
            max(self.amend_stops, other.amend_stops, key=AMENDMENTS.index),
        )

    def as_json(self) -> dict[str, Any]:
        return {"open": self.open, "reduce": self.reduce, "amendStops": self.amend_stops}


PAUSED = Permissions(open=False, reduce="stops-placed", amend_stops="free")


def read_public_key(text: str) -> Ed25519PublicKey:
    """Reads ``whpk_`` and base64 of 32 bytes. Raises PermitError KEY."""
    prefix, text = text.strip()[:5], text.strip()[5:]
    try:
        if prefix != "whpk_":
            raise ValueError
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    except ValueError as cause:
        raise PermitError("KEY", "a public key is whpk_ and base64 of 32 bytes") from cause


def read_public_keys(text: str) -> dict[str, list[Ed25519PublicKey]]:
    """Reads ``keys.json`` as the operator publishes it: lists ``permit`` and ``raise``. Raises PermitError KEY."""
    try:
        texts = json.loads(text)
        lists = {name: [str(key) for key in texts[name]] for name in ("permit", "raise")}
    except (ValueError, KeyError, TypeError) as cause:
        raise PermitError("KEY", "the public keys are JSON with the lists permit and raise") from cause
    return {name: [read_public_key(key) for key in keys] for name, keys in lists.items()}


@dataclass(frozen=True)
class Holding:
    """What a bot holds in one symbol, as its venue told it last. A short quantity is negative."""

    symbol: str
    quantity: float
    entry: float
    price: float
    realised: float
    stop: float | None = None
    target: float | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "symbol": self.symbol,
            "side": "long" if self.quantity > 0 else "short",
            "quantity": abs(self.quantity),
            "entry": self.entry,
            "stop": self.stop,
            "target": self.target,
            "price": self.price,
            "unrealised": self.quantity * (self.price - self.entry),
            "realised": self.realised,
        }


@dataclass(frozen=True)
class _State:
    uid: str | None = None
    namespace: str | None = None
    generation: int = 0
    permissions: Permissions = PAUSED
    granted_until: float = -math.inf
    raised: tuple[int, Permissions] | None = None
    raises: tuple[str, ...] = ()

    def permissions_at(self, now: float) -> Permissions:
        live = self.permissions if now < self.granted_until else self.permissions.joined(PAUSED)
        return live if self.raised is None else live.joined(self.raised[1])


@dataclass(frozen=True)
class _Received:
    message_id: str
    sent_at: float
    is_raise: bool
    permit: Mapping[str, Any]
    challenged_at: float | None
    permissions: Permissions = field(init=False)

    def __post_init__(self) -> None:
        found = self.permit["permissions"]
        object.__setattr__(self, "permissions", Permissions(found["open"], found["reduce"], found["amendStops"]))


class Gate:
    """``may_open`` is for the order path: it takes no lock. ``receive`` is for the thread that serves /permit.

    ``keys`` is asked with each message, as ``read_public_keys`` gives them, so that they can be exchanged while the bot
    runs. ``on_duties(duties, permit)`` begins to cancel and flatten, and returns; it gets no duties where a
    later epoch asks for nothing more, which ends a flattening.
    ``now`` gives milliseconds of a clock that only goes forward, ``wall_now`` milliseconds since 1970.
    """

    def __init__(
        self,
        keys: Callable[[], Mapping[str, Iterable[Ed25519PublicKey]]],
        on_duties: Callable[[Mapping[str, Any], Mapping[str, Any]], None],
        *,
        now: Callable[[], float] = lambda: time.monotonic() * 1000,
        wall_now: Callable[[], float] = lambda: time.time() * 1000,
        make_challenge: Callable[[], str] = lambda: secrets.token_urlsafe(12),
    ) -> None:
        self._keys = keys
        self._on_duties = on_duties
        self._now = now
        self._wall_now = wall_now
        self._make_challenge = make_challenge
        self._instance = secrets.token_urlsafe(9)
        self._lock = threading.Lock()
        self._challenges: OrderedDict[str, float] = OrderedDict()
        self._state = _State()
        self._open_until = -math.inf

    def may_open(self) -> bool:
        """True while the bot may open or grow a position."""
        return self._now() < self._open_until

    def permissions(self) -> Permissions:
        """All that the bot may do now."""
        return self._state.permissions_at(self._now())

    def receive(self, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
        """Takes in one message, its headers in lower case. The answer is to be sent back as JSON.

        Raises PermitError, after which nothing has changed.
        """
        with self._lock:
            message_id, sent_at, signer = self._verify(body, headers)
            permit = _decode(body)
            received = _Received(
                message_id,
                sent_at,
                signer == "raise" or permit["kind"] == "Raise",
                permit,
                self._redeem(permit.get("challenge")),
            )
            if received.is_raise:
                applied, tells = "Tightened", self._admit_raise(received)
            else:
                applied, tells = self._admit_permit(received)
            self._open_until = self._state.granted_until if self._opens_while_granted() else -math.inf
            if tells:
                self._on_duties(permit["duties"], permit)
            return self._acknowledge(applied)

    def positions(
        self, account: str, resting_orders: int, held: Iterable[Holding], *, at: float | None = None
    ) -> dict[str, Any]:
        """The answer to ``GET /positions`` (docs/positions.md). ``at``: seconds since 1970, now by default."""
        as_of = datetime.fromtimestamp(time.time() if at is None else at, UTC)
        state = self._state
        return {
            "account": account,
            "asOf": as_of.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "instance": self._instance,
            "epoch": {"uid": state.uid or NO_DESK, "generation": state.generation},
            "permissions": state.permissions_at(self._now()).as_json(),
            "restingOrders": resting_orders,
            "positions": [holding.as_json() for holding in held if holding.quantity != 0],
        }

    def _opens_while_granted(self) -> bool:
        raised = self._state.raised
        return self._state.permissions.open and (raised is None or raised[1].open)

    def _admit_raise(self, received: _Received) -> bool:
        state = self._state
        before = state.raised
        generation = received.permit["desk"]["generation"]
        permissions = received.permissions
        if before is not None:
            generation = max(generation, before[0])
            permissions = before[1].joined(permissions)
        # Its sender may know an older epoch than this gate: a renewal of that newer one must not lift it.
        raised = (max(generation, state.generation), permissions)
        # The raise key is that of all desks: what is sent on from one to another must not close what it holds.
        is_here = state.namespace in (None, received.permit["desk"]["namespace"])
        is_fresh = abs(self._wall_now() - received.sent_at) <= RAISE_FRESH_MS
        is_new = is_here and is_fresh and received.message_id not in state.raises
        raises = (*state.raises, received.message_id)[-RAISES_KEPT:] if is_new else state.raises
        self._state = replace(state, raised=raised, raises=raises)
        # One that tells nothing ends nothing that was told before.
        return is_new and bool(received.permit["duties"])

    def _admit_permit(self, received: _Received) -> tuple[str, bool]:
        state = self._state
        desk = received.permit["desk"]
        uid, generation = desk["uid"], desk["generation"]
        is_first = generation > state.generation
        is_ours = state.uid is None or state.uid == uid
        if received.challenged_at is not None and is_ours and generation >= state.generation:
            keeps_raise = state.raised is not None and generation <= state.raised[0]
            self._state = replace(
                state,
                uid=uid,
                namespace=desk["namespace"],
                generation=generation,
                permissions=received.permissions,
                granted_until=received.challenged_at + received.permit["ttlMilliseconds"],
                raised=state.raised if keeps_raise else None,
            )
            return "Granted", is_first or state.uid is None
        is_news = state.uid == uid and is_first
        self._state = replace(
            state,
            permissions=state.permissions.joined(received.permissions),
            generation=generation if is_news else state.generation,
        )
        return "Tightened", is_news

    def _acknowledge(self, applied: str) -> dict[str, Any]:
        challenge = self._make_challenge()
        self._challenges[challenge] = self._now()
        while len(self._challenges) > CHALLENGES_KEPT:
            self._challenges.popitem(last=False)
        return {
            "applied": applied,
            "epoch": {"uid": self._state.uid or NO_DESK, "generation": self._state.generation},
            "permissions": self.permissions().as_json(),
            "challenge": challenge,
            "instance": self._instance,
        }

    def _redeem(self, challenge: str | None) -> float | None:
        made_at = None if challenge is None else self._challenges.pop(challenge, None)
        if made_at is None or self._now() - made_at >= LONGEST_TTL_MS:
            return None
        return made_at

    def _verify(self, body: bytes, headers: Mapping[str, str]) -> tuple[str, float, str]:
        message_id = headers.get("webhook-id") or ""
        timestamp = headers.get("webhook-timestamp") or ""
        if not message_id or not re.fullmatch(r"[0-9]{1,12}", timestamp):
            raise PermitError("SIGNATURE", "webhook-id or webhook-timestamp is missing, or no time")
        content = f"{message_id}.{timestamp}.".encode() + body
        known = self._keys()
        for part in (headers.get("webhook-signature") or "").split(" ")[:SIGNATURES_AT_MOST]:
            version, _, text = part.partition(",")
            if version != "v1a":
                continue
            for signer in ("permit", "raise"):
                if any(_is_signed(key, text, content) for key in known[signer]):
                    return message_id, int(timestamp) * 1000, signer
        raise PermitError("SIGNATURE", "no signature is of a key that is known here")


def _is_signed(key: Ed25519PublicKey, text: str, content: bytes) -> bool:
    try:
        key.verify(base64.b64decode(text, validate=True), content)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _decode(body: bytes) -> Mapping[str, Any]:
    try:
        permit = json.loads(body)
    except ValueError as cause:
        raise PermitError("MALFORMED", "the body is not JSON") from cause
    if not _is_permit(permit):
        raise PermitError("MALFORMED", "the body is no permit")
    return permit


def _is_permit(permit: Any) -> bool:
    try:
        desk, permissions, duties = permit["desk"], permit["permissions"], permit["duties"]
        flatten = duties.get("flatten", {"overSeconds": 0})
        texts = [desk["namespace"], desk["uid"], permit["target"], permit["reason"], permit.get("challenge", "")]
        numbers = [duties.get("tightenStopsPercent", 1), *permit.get("limits", {}).values()]
        return (
            permit["version"] == 1
            and permit["kind"] in ("Permit", "Raise")
            and permit["mode"] in MODES
            and all(isinstance(text, str) and len(text) <= LONGEST_TEXT for text in texts)
            and _is_whole(desk["generation"], 0, math.inf)
            and _is_whole(permit["ttlMilliseconds"], 1, LONGEST_TTL_MS)
            and isinstance(permissions["open"], bool)
            and permissions["reduce"] in REDUCTIONS
            and permissions["amendStops"] in AMENDMENTS
            and duties.get("cancelAll", True) is True
            and _is_number(flatten["overSeconds"])
            and flatten["overSeconds"] >= 0
            and all(_is_number(number) and number > 0 for number in numbers)
        )
    except (AttributeError, KeyError, TypeError):
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: Any, least: float, most: float) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
