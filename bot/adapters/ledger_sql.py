"""The append-only ledger in SQL: envelopes, signed heads, the inbox and the runs' read model."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import cast
from uuid import uuid4

from sqlalchemy import Connection, select, update
from sqlalchemy import insert as plain_insert
from sqlalchemy.exc import IntegrityError

from bot.adapters.database import Database, insert
from bot.adapters.jobs_sql import column_text, wish_in
from bot.adapters.ledger_reader import SqlReader, delivery_stream
from bot.adapters.ledger_rows import (
    checkpoint_holds,
    columns_of,
    register_holds,
)
from bot.adapters.schema import envelopes, heads, inbox, register, runs
from bot.domain.envelope import Clock, Envelope
from bot.domain.errors import Conflict, LedgerError, Tampered
from bot.domain.events import Delivery
from bot.domain.facts import Fact, Received, decode, encode, may_sign
from bot.ports import Job, Keys, RunRow, Time
from bot.services import chain

LARGEST_BODY = 1024 * 1024
LONGEST_NAME = 400  # PostgreSQL cannot index much longer ones

Draft = tuple[str, dict[str, object]]


class SqlLedger(SqlReader):
    """The ledger of one installation, written in the name of one zone."""

    def __init__(self, database: Database, keys: Keys, time: Time) -> None:
        super().__init__(database, keys.verify)
        self._keys = keys
        self._time = time

    def append(
        self,
        stream: str,
        facts: Sequence[Fact],
        *,
        expect: int,
        cause: str,
        jobs: Sequence[Job] = (),
        row: RunRow | None = None,
    ) -> list[Envelope]:
        """Append facts in one transaction with the wished jobs and the run's row; see `bot.ports.Ledger`.

        Raises Conflict when the stream is at another version, LedgerError for a fact that this zone may not sign or
        that cannot be stored, and Tampered when the head to be continued does not verify.
        """
        _check_name(stream)
        drafts = [self._draft(fact) for fact in facts]

        def work(connection: Connection) -> list[Envelope]:
            head = self._head(connection, stream)
            if head.version != expect:
                raise Conflict(f"{stream} is at version {head.version}, not {expect}: read it again")
            return self._extend(connection, head, drafts, cause, jobs, row)

        try:
            return self._database.write(work)
        except IntegrityError as error:
            raise Conflict(f"somebody else appended version {expect + 1} to {stream} first: read it again") from error

    def receive(self, delivery: Delivery, jobs: Sequence[Job]) -> bool:
        """Store a delivery, its Received fact and the jobs in one transaction; False when this body or id is known.

        The fact begins the delivery's own stream, with the forge as its cause: see `delivery`. Raises Tampered when
        somebody else began that stream.
        """
        id_, name = column_text(delivery.id), column_text(delivery.name)
        stream = delivery_stream(id_)
        _check_name(stream)
        draft = self._draft(Received(delivery=id_, name=name, digest=delivery.digest))

        def work(connection: Connection) -> bool:
            fresh = insert(connection, inbox).values(
                id=id_,
                forge=delivery.forge,
                name=name,
                digest=delivery.digest,
                body=delivery.body,
                received=self._time.now(),
            )
            if connection.execute(fresh.on_conflict_do_nothing().returning(inbox.c.id)).one_or_none() is None:
                return False
            head = self._head(connection, stream)
            if head.version:
                raise Tampered(f"{stream} was begun before its delivery came")
            self._extend(connection, head, [draft], delivery.forge, jobs, None)
            return True

        try:
            return self._database.write(work)
        except IntegrityError as error:
            raise Conflict(f"somebody else began {stream} just now; deliver it again") from error

    def _draft(self, fact: Fact) -> Draft:
        kind, encoded = encode(fact)
        if not may_sign(self._keys.zone, kind):
            raise LedgerError(f"the zone {self._keys.zone.value} may not sign {kind}")
        try:
            data = chain.canonical(chain.clean_value(encoded))
            body = cast(dict[str, object], chain.parse(data))
            decode(kind, body)
        except ValueError as error:
            raise LedgerError(f"{kind} cannot be stored: {error}") from error
        if len(data) > LARGEST_BODY:
            raise LedgerError(f"{kind} has {len(data)} bytes, over {LARGEST_BODY}: put the bulk into an artifact")
        return kind, body

    def _head(self, connection: Connection, stream: str) -> "_Head":
        """Return the end of a stream, locked until the transaction ends; raises Tampered."""
        query = select(heads).where(heads.c.stream == stream).with_for_update()
        row = connection.execute(query).one_or_none()
        if row is None:
            return _Head(stream, 0, chain.GENESIS, None)
        if not checkpoint_holds(row, self._keys.verify):
            raise Tampered(f"{stream} version {row.version}: the signature of its head does not verify")
        return _Head(stream, row.version, row.hash, Clock(row.wall, row.counter))

    def _extend(
        self,
        connection: Connection,
        head: "_Head",
        drafts: Sequence[Draft],
        cause: str,
        jobs: Sequence[Job],
        row: RunRow | None,
    ) -> list[Envelope]:
        """Write the envelopes, the new head, the jobs and the row; IntegrityError when another writer was first."""
        result: list[Envelope] = []
        end = head
        for draft in drafts:
            result.append(self._next(end, draft, cause))
            end = _Head(head.stream, result[-1].version, result[-1].hash, result[-1].clock)
        if result:
            connection.execute(plain_insert(envelopes), [columns_of(envelope) for envelope in result])
            self._move_head(connection, result[-1], new=head.version == 0)
        wish_in(connection, jobs, self._time.now())
        if row is not None:
            values = asdict(row)
            connection.execute(
                insert(connection, runs).values(values).on_conflict_do_update(index_elements=[runs.c.run], set_=values)
            )
        return result

    def _next(self, head: "_Head", draft: Draft, cause: str) -> Envelope:
        kind, body = draft
        clock = self._time.tick(head.clock) if head.clock else self._time.tick()
        envelope = Envelope(
            id=uuid4().hex,
            stream=head.stream,
            version=head.version + 1,
            cause=column_text(cause),
            clock=clock,
            zone=self._keys.zone,
            kind=kind,
            body=body,
            previous=head.hash,
            hash="",
            key=self._keys.key_id,
            signature="",
        )
        return chain.seal(envelope, self._keys)

    def _move_head(self, connection: Connection, last: Envelope, *, new: bool) -> None:
        message = chain.head_message(last.stream, last.version, last.hash, last.clock)
        values = {
            "version": last.version,
            "hash": last.hash,
            "wall": last.clock.wall,
            "counter": last.clock.count,
            **self._signed(message),
        }
        if not new:
            connection.execute(update(heads).where(heads.c.stream == last.stream).values(values))
            return
        connection.execute(plain_insert(heads).values(stream=last.stream, **values))
        row = connection.execute(select(register).with_for_update()).one_or_none()
        if row is None or not register_holds(row, self._keys.verify):
            raise Tampered("the register of streams does not verify: run `journeyman audit verify`")
        streams, mark = row.streams + 1, chain.mark_with(row.mark, last.stream)
        signed = self._signed(chain.register_message(streams, mark))
        connection.execute(update(register).values(streams=streams, mark=mark, **signed))

    def _signed(self, message: bytes) -> dict[str, str]:
        return {
            "zone": self._keys.zone.value,
            "key": self._keys.key_id,
            "signature": self._keys.sign(message).hex(),
        }


@dataclass(frozen=True, slots=True)
class _Head:
    """Where a stream ends; version 0 is one that does not exist yet."""

    stream: str
    version: int
    hash: str
    clock: Clock | None


def _check_name(stream: str) -> None:
    if not stream or len(stream.encode(errors="replace")) > LONGEST_NAME or column_text(stream) != stream:
        raise LedgerError(f"not a name for a stream (1 to {LONGEST_NAME} bytes of plain text): {stream[:80]!r}")
