"""Envelopes: facts as stored and sent, with cause, clock, chain and signature."""

from dataclasses import dataclass
from enum import StrEnum


class Zone(StrEnum):
    """Who may hold what; each credentials-holding zone signs its own envelopes."""

    RECEIVER = "receiver"
    BROKER = "broker"
    AGENT = "agent"


@dataclass(frozen=True, slots=True, order=True)
class Clock:
    """Hybrid logical clock: wall milliseconds since the epoch and a counter (Kulkarni et al., 2014)."""

    wall: int
    count: int

    def __str__(self) -> str:
        return f"{self.wall}.{self.count}"


def tick(now_ms: int, *seen: Clock) -> Clock:
    """Return a clock later than every one in `seen` and not earlier than `now_ms`.

    Rule for local and receive events of "Logical Physical Clocks" (Kulkarni, Demirbas et al., 2014).
    """
    latest = max(seen, default=Clock(0, -1))
    if now_ms > latest.wall:
        return Clock(now_ms, 0)
    return Clock(latest.wall, latest.count + 1)


@dataclass(frozen=True, slots=True)
class Envelope:
    """One fact in its stream.

    `version` counts from 1 without gaps within `stream`. `hash` is the SHA-256 (hex) over the canonical bytes of all
    fields but `hash` and `signature`; `previous` is the hash of version - 1 (64 zeros for the first); `signature` is
    the Ed25519 signature (hex) of `hash` by the zone's key named `key`. `kind` and `body` are the encoded fact.
    """

    id: str
    stream: str
    version: int
    cause: str
    clock: Clock
    zone: Zone
    kind: str
    body: dict[str, object]
    previous: str
    hash: str
    key: str
    signature: str
