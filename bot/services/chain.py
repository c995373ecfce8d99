"""The hash chain: canonical bytes, hashes, and what makes an envelope the right successor of another. Pure.

Canonical bytes are RFC 8785 (JSON Canonicalization Scheme), so that any program in any language can verify a ledger.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256

import rfc8785

from bot.domain.envelope import Clock, Envelope, Zone
from bot.domain.facts import may_sign
from bot.ports import Keys

GENESIS = "0" * 64
LARGEST_INT = 2**53 - 1  # beyond it JSON readers of other languages lose digits; RFC 8785 (I-JSON) forbids it

Verify = Callable[[Zone, str, bytes, bytes], bool]
"""`Keys.verify`: does this zone's key of that id vouch for this message with this signature?"""


def canonical(value: object) -> bytes:
    """Return the RFC 8785 bytes of a JSON value; raises ValueError for what JSON cannot carry to every reader."""
    try:
        return rfc8785.dumps(value)  # type: ignore[arg-type]
    except RecursionError as error:
        raise ValueError("the value is nested too deeply") from error


def parse(data: bytes | str) -> object:
    """Read JSON so that `canonical(parse(canonical(x))) == canonical(x)`; raises ValueError.

    A large float such as 1e20 is written as an integer literal by RFC 8785: it comes back as a float.
    """
    text = data.decode() if isinstance(data, bytes) else data
    try:
        return json.loads(text, parse_int=_integer, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("the JSON is nested too deeply") from error


def _integer(literal: str) -> int | float:
    if len(literal) > 17:
        return float(literal)
    number = int(literal)
    return number if abs(number) <= LARGEST_INT else float(literal)


def _no_constant(literal: str) -> object:
    raise ValueError(f"{literal} is not JSON")


def clean(text: str) -> str:
    """Return text that UTF-8 can carry: surrogate pairs are joined, lone surrogates become U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def clean_value(value: object) -> object:
    """Return a JSON value with every text in it cleaned, keys too."""
    match value:
        case str():
            return clean(value)
        case dict():
            return {clean(str(key)): clean_value(item) for key, item in value.items()}
        case list() | tuple():
            return [clean_value(item) for item in value]
        case _:
            return value


@dataclass(frozen=True, slots=True)
class End:
    """Where a stream ends: what its signed head has to say."""

    version: int
    hash: str
    zone: Zone
    key: str


def end_of(envelope: Envelope) -> End:
    """Return the end of a stream whose last envelope this is."""
    return End(envelope.version, envelope.hash, envelope.zone, envelope.key)


def content(envelope: Envelope) -> dict[str, object]:
    """Return what the hash covers: every field but `hash` and `signature`, as JSON types."""
    return {
        "id": envelope.id,
        "stream": envelope.stream,
        "version": envelope.version,
        "cause": envelope.cause,
        "clock": {"wall": envelope.clock.wall, "count": envelope.clock.count},
        "zone": envelope.zone.value,
        "kind": envelope.kind,
        "body": envelope.body,
        "previous": envelope.previous,
        "key": envelope.key,
    }


def digest(envelope: Envelope) -> str:
    """Return the SHA-256 (hex) of the envelope's canonical content."""
    return sha256(canonical(content(envelope))).hexdigest()


def seal(draft: Envelope, keys: Keys) -> Envelope:
    """Return the draft with its hash and its signature; raises ValueError when its body is not canonicalisable."""
    value = digest(draft)
    return replace(draft, hash=value, signature=keys.sign(bytes.fromhex(value)).hex())


def to_json(envelope: Envelope) -> dict[str, object]:
    """Return the whole envelope as JSON types."""
    return {**content(envelope), "hash": envelope.hash, "signature": envelope.signature}


def from_json(value: object) -> Envelope:
    """Rebuild an envelope from the form that `to_json` makes; raises ValueError for any other form."""
    match value:
        case {
            "id": str(id_),
            "stream": str(stream),
            "version": int(version),
            "cause": str(cause),
            "clock": {"wall": int(wall), "count": int(count), **more},
            "zone": str(zone),
            "kind": str(kind),
            "body": dict(body),
            "previous": str(previous),
            "hash": str(hash_),
            "key": str(key),
            "signature": str(signature),
            **rest,
        } if not rest and not more and not any(isinstance(number, bool) for number in (version, wall, count)):
            clock = Clock(wall, count)
            return Envelope(id_, stream, version, cause, clock, Zone(zone), kind, body, previous, hash_, key, signature)
        case _:
            raise ValueError("it is not an envelope: a field is missing, unknown or of another type")


def flaw(envelope: Envelope, previous: Envelope | None, verify: Verify) -> str | None:
    """Say what keeps an envelope from being the right successor of `previous` in its stream; None when it is right.

    `previous` is None for the first of a stream. Checks the version, the chain, the hash, the zone's right, the
    signature and that the clock goes forward.
    """
    version = previous.version + 1 if previous else 1
    if envelope.version != version:
        return f"version {version} should stand here"
    try:
        actual = digest(envelope)
    except ValueError as error:
        return f"its content is not canonicalisable: {error}"
    if actual != envelope.hash:
        return "its content does not match its hash"
    if envelope.previous != (previous.hash if previous else GENESIS):
        return "it does not continue the envelope before it (its `previous` is another hash)"
    if not may_sign(envelope.zone, envelope.kind):
        return f"the zone {envelope.zone.value} may not sign {envelope.kind}"
    if not _vouched(envelope, verify):
        return f"its signature is not by the key {envelope.key} of the zone {envelope.zone.value}"
    if previous and envelope.clock <= previous.clock:
        return f"its clock {envelope.clock} is not later than {previous.clock}"
    return None


def _vouched(envelope: Envelope, verify: Verify) -> bool:
    try:
        signature = bytes.fromhex(envelope.signature)
    except ValueError:
        return False
    return verify(envelope.zone, envelope.key, bytes.fromhex(envelope.hash), signature)


def head_message(stream: str, version: int, hash_: str, clock: Clock) -> bytes:
    """Return what is signed to say: this stream ends here."""
    return canonical({"head": {"stream": stream, "version": version, "hash": hash_, "clock": str(clock)}})


def register_message(streams: int, mark: str) -> bytes:
    """Return what is signed to say: so many streams exist, and these (`mark`: see `mark_with`)."""
    return canonical({"register": {"streams": streams, "mark": mark}})


def mark_with(mark: str, stream: str) -> str:
    """Return the mark (hex) of a set of streams plus this one: the XOR of the SHA-256 of their names."""
    return f"{int(mark, 16) ^ int.from_bytes(sha256(stream.encode()).digest(), 'big'):064x}"
