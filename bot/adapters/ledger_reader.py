"""Reading the ledger in SQL: needs public keys alone, and writes nothing."""

from sqlalchemy import func, select

from bot.adapters.database import Database
from bot.adapters.jobs_sql import column_text
from bot.adapters.ledger_rows import INBOX, body_changed, envelope_of, head_flaw
from bot.adapters.schema import envelopes, heads, inbox, runs
from bot.domain.envelope import Envelope
from bot.domain.errors import Tampered
from bot.domain.events import Delivery
from bot.domain.facts import Received, decode
from bot.ports import RunRow
from bot.services import chain


class SqlReader:
    """The ledger of one installation, for looking only."""

    def __init__(self, database: Database, verify: chain.Verify) -> None:
        self._database = database
        self._verify = verify

    def read(self, stream: str, *, after: Envelope | None = None) -> list[Envelope]:
        """Return a stream in order, every envelope verified, and its end too; raises Tampered.

        With `after`, an envelope of this stream that was verified before, return what follows it.
        """
        rows = select(envelopes).where(envelopes.c.stream == stream).order_by(envelopes.c.version)
        if after is not None:
            rows = rows.where(envelopes.c.version > after.version)
        last = select(heads).where(heads.c.stream == stream)
        found, head = self._database.read(
            lambda connection: (connection.execute(rows).all(), connection.execute(last).one_or_none())
        )
        result: list[Envelope] = []
        end = after
        for row in found:
            envelope = envelope_of(row)
            wrong = chain.flaw(envelope, end, self._verify)
            if wrong:
                raise Tampered(f"{stream} version {row.version}: {wrong}")
            result.append(envelope)
            end = envelope
        wrong = head_flaw(head, chain.end_of(end) if end is not None else None, self._verify)
        if wrong:
            raise Tampered(f"{stream} version {end.version if end is not None else 0}: {wrong}")
        return result

    def streams(self, beginning: str, *, limit: int) -> list[str]:
        """Return the names of the streams that begin so, in order; there may be more than `limit`."""
        query = select(heads.c.stream).where(heads.c.stream.startswith(beginning, autoescape=True))
        query = query.order_by(heads.c.stream).limit(limit)
        return self._database.read(lambda connection: list(connection.execute(query).scalars()))

    def delivery(self, delivery_id: str) -> Delivery:
        """Return a stored delivery that the receiver vouches for; raises KeyError.

        Raises Tampered unless its stream begins with the receiver's word on this forge, name and body: anybody who can
        write to the database can put a row into the inbox.
        """
        query = select(*INBOX).where(inbox.c.id == column_text(delivery_id))
        row = self._database.read(lambda connection: connection.execute(query).one_or_none())
        if row is None:
            raise KeyError(delivery_id)
        if body_changed(row.digest, row.body):
            raise Tampered(f"the body of the stored delivery {row.id} was changed")
        begun = self.read(delivery_stream(row.id))[:1]
        stated = (row.forge, Received(row.id, row.name, row.digest))
        if [(envelope.cause, decode(envelope.kind, envelope.body)) for envelope in begun] != [stated]:
            raise Tampered(f"the stored delivery {row.id} is not one that the receiver received")
        return Delivery(row.id, row.forge, row.name, row.digest, row.body)

    def runs(
        self,
        *,
        repo: str | None = None,
        issue: int | None = None,
        change: int | None = None,
        head: str | None = None,
        limit: int = 50,
    ) -> list[RunRow]:
        """Return rows that fit all that is given, latest first; `head` is the change's present commit."""
        query = select(runs).order_by(runs.c.updated.desc(), runs.c.run.desc()).limit(limit)
        wanted = ((runs.c.repo, repo), (runs.c.issue, issue), (runs.c.change, change), (runs.c.head, head))
        for column, value in wanted:
            if value is not None:
                query = query.where(column == value)
        rows = self._database.read(lambda connection: connection.execute(query).mappings().all())
        return [RunRow(**row) for row in rows]

    def run_states(self) -> dict[str, int]:
        """Return how many runs are in each state."""
        query = select(runs.c.state, func.count()).group_by(runs.c.state)
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return {row.state: row[1] for row in rows}


def delivery_stream(delivery_id: str) -> str:
    """Return the name of a delivery's stream."""
    return f"delivery:{delivery_id}"
