"""Ledgers to test with: SQLite in a temporary directory, and PostgreSQL where a server answers."""

import sqlite3
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from bot.adapters.artifacts_sql import SqlArtifacts
from bot.adapters.clock import SystemTime
from bot.adapters.database import Database
from bot.adapters.jobs_sql import SqlJobs
from bot.adapters.keys import FileKeys, load_public, make_keys
from bot.adapters.ledger_sql import SqlLedger
from bot.adapters.memo_sql import SqlMemo
from bot.adapters.migrations import upgrade
from bot.adapters.schema import metadata
from bot.domain.envelope import Zone

SERVER = "postgresql://postgres@127.0.0.1:5432"
TABLES = [*metadata.tables, "alembic_version"]
BACKENDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.services)]


class HandTime(SystemTime):
    """A clock that is moved by hand."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self.wall = start
        super().__init__(lambda: self.wall)


@dataclass(frozen=True)
class Rig:
    """One installation: its database, its keys and a clock in the test's hand."""

    url: str
    keys: Path
    database: Database
    time: HandTime

    def keys_of(self, zone: Zone) -> FileKeys:
        return FileKeys(zone, self.keys / f"{zone.value}.key", load_public(self.keys))

    def ledger(self, zone: Zone = Zone.BROKER) -> SqlLedger:
        return SqlLedger(self.database, self.keys_of(zone), self.time)

    def streams(self) -> list[str]:
        """Return the names of all streams, sorted."""
        query = text("SELECT stream FROM heads")
        return sorted(self.database.read(lambda connection: connection.execute(query).scalars().all()))

    @property
    def jobs(self) -> SqlJobs:
        return SqlJobs(self.database, self.time)

    @property
    def artifacts(self) -> SqlArtifacts:
        return SqlArtifacts(self.database)

    @property
    def memo(self) -> SqlMemo:
        return SqlMemo(self.database)


@contextmanager
def installation(backend: str, directory: Path) -> Iterator[Rig]:
    """Set one up, and take it away again."""
    make_keys(directory / "keys")
    url = _sqlite(directory) if backend == "sqlite" else _postgres()
    database = Database(url)
    try:
        yield Rig(url, directory / "keys", database, HandTime())
    finally:
        database.close()


def _sqlite(directory: Path) -> str:
    """Give the address of a copy of a database that was migrated once in this process."""
    file = directory / "ledger" / "journeyman.db"
    file.parent.mkdir(mode=0o700)
    file.touch(mode=0o600)
    file.write_bytes(_migrated())
    return f"sqlite:///{file}"


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as room:
        upgrade(f"sqlite:///{room}/new.db")
        with closing(sqlite3.connect(f"{room}/new.db")) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return Path(room, "new.db").read_bytes()


_kept = ExitStack()
"""The PostgreSQL database of this process, emptied for each test: making one takes the server much longer."""


def leave() -> None:
    """Drop what this process kept on the server."""
    _kept.close()
    _migrated_postgres.cache_clear()


@cache
def _migrated_postgres() -> tuple[str, dict[str, list[tuple[object, ...]]]]:
    """Migrate a new database; return its address, and the rows that it has from the beginning."""
    url = _kept.enter_context(empty_postgres())
    upgrade(url)
    with psycopg.connect(url, connect_timeout=5) as connection:
        return url, {table: connection.execute(f"TABLE {table}").fetchall() for table in TABLES}


def _postgres() -> str:
    """Give the address of a database that is as if it was just migrated."""
    url, begun = _migrated_postgres()
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            connection.execute(f"TRUNCATE {', '.join(TABLES)}")
            for table, rows in begun.items():
                for row in rows:
                    connection.execute(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(row))})", row)
    except psycopg.errors.UndefinedTable:  # the test before took one away
        leave()
        return _postgres()
    return url


@contextmanager
def empty_postgres() -> Iterator[str]:
    """Give the address of a new, empty PostgreSQL database; skip the test where no server answers within a second."""
    try:
        server = psycopg.connect(f"{SERVER}/test", autocommit=True, connect_timeout=1)
    except psycopg.OperationalError as error:
        pytest.skip(f"no PostgreSQL server on 127.0.0.1:5432 ({str(error).splitlines()[0]})")
    name = f"journeyman_{uuid.uuid4().hex}"
    try:
        server.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{SERVER}/{name}"
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        server.close()
