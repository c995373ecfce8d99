"""Bytes by their digest, in SQL."""

from hashlib import sha256

from sqlalchemy import LargeBinary, cast, select

from bot.adapters.database import Database, insert
from bot.adapters.schema import artifacts
from bot.domain.errors import LedgerError, Tampered

LARGEST = 64 * 1024 * 1024


class SqlArtifacts:
    """Artifacts as rows of the ledger's database: one thing to back up."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, data: bytes) -> str:
        """Store bytes and return their digest; raises LedgerError when they are larger than 64 MiB."""
        if len(data) > LARGEST:
            raise LedgerError(f"an artifact of {len(data)} bytes is over the limit of {LARGEST} bytes (64 MiB)")
        digest = sha256(data).hexdigest()
        self._database.write(
            lambda connection: connection.execute(
                insert(connection, artifacts).values(digest=digest, data=data).on_conflict_do_nothing()
            )
        )
        return digest

    def get(self, digest: str) -> bytes:
        """Return the bytes, verified; raises KeyError, or Tampered when they do not match."""
        # The cast: SQLite would keep a text that somebody put there instead of the bytes.
        query = select(cast(artifacts.c.data, LargeBinary)).where(artifacts.c.digest == digest)
        data: bytes | None = self._database.read(lambda connection: connection.execute(query).scalar_one_or_none())
        if data is None:
            raise KeyError(digest)
        if sha256(data).hexdigest() != digest:
            raise Tampered(f"the artifact {digest} was changed: its bytes have another digest")
        return data
