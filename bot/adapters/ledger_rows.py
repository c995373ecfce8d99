"""The ledger's rows as values, and what makes them hold: used by the ledger and by the audit."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from sqlalchemy import LargeBinary, Row, cast

from bot.adapters.schema import inbox
from bot.domain.envelope import Clock, Envelope, Zone
from bot.domain.errors import Tampered
from bot.services import chain

# The cast: SQLite would keep a text that somebody put there instead of the bytes.
INBOX = (inbox.c.id, inbox.c.forge, inbox.c.name, inbox.c.digest, cast(inbox.c.body, LargeBinary).label("body"))


def body_changed(digest: str, body: bytes) -> bool:
    """Tell whether a body is not the one of a digest, its SHA-256 in hex."""
    return sha256(body).hexdigest() != digest


def columns_of(envelope: Envelope) -> dict[str, object]:
    """Return an envelope as a row of `envelopes`."""
    values = chain.to_json(envelope)
    del values["clock"]
    body = chain.canonical(envelope.body).decode()
    return {**values, "wall": envelope.clock.wall, "counter": envelope.clock.count, "body": body}


def envelope_of(row: Row[Any]) -> Envelope:
    """Return a row of `envelopes` as an envelope, not verified; raises Tampered when it cannot be one."""
    values = dict(row._mapping)
    try:
        values["clock"] = {"wall": values.pop("wall"), "count": values.pop("counter")}
        values["body"] = chain.parse(values["body"])
        return chain.from_json(values)
    except (ValueError, TypeError) as error:
        raise Tampered(f"{row.stream} version {row.version}: {error}") from error


def checkpoint_holds(head: Row[Any], verify: chain.Verify) -> bool:
    """Tell whether a row of `heads` was signed by the key that it names."""
    return _vouched(
        head, lambda: chain.head_message(head.stream, head.version, head.hash, Clock(head.wall, head.counter)), verify
    )


def register_holds(row: Row[Any], verify: chain.Verify) -> bool:
    """Tell whether the row of `register` was signed, or is the one of an empty ledger."""
    if row.streams == 0:
        return bool(row.mark == chain.GENESIS)
    return _vouched(row, lambda: chain.register_message(row.streams, row.mark), verify)


def _vouched(row: Row[Any], message: Callable[[], bytes], verify: chain.Verify) -> bool:
    try:
        return verify(Zone(row.zone), row.key, message(), bytes.fromhex(row.signature))
    except (ValueError, TypeError):  # SQLite keeps values of any type in any column
        return False


def head_flaw(head: Row[Any] | None, last: chain.End | None, verify: chain.Verify) -> str | None:
    """Say what is wrong between a stream's end and its signed head; None when they agree."""
    if head is None:
        return "its signed head is missing" if last else None
    version = last.version if last else 0
    if head.version != version:
        return f"the stream ends at version {version}, its signed head is at {head.version}: the tail was changed"
    if last and (head.hash, head.zone, head.key) != (last.hash, last.zone.value, last.key):
        return "its signed head is of another envelope"
    return None if checkpoint_holds(head, verify) else "the signature of its head does not verify"
