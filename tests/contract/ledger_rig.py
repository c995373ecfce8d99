"""Ledgers to test with: SQLite in a temporary directory, and PostgreSQL where a server answers."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from bot.adapters.artifacts_sql import SqlArtifacts
from bot.adapters.clock import SystemTime
from bot.adapters.database import Database
from bot.adapters.jobs_sql import SqlJobs
from bot.adapters.keys import FileKeys, load_public, make_keys
from bot.adapters.ledger_sql import SqlLedger
from bot.adapters.memo_sql import SqlMemo
from bot.adapters.migrations import upgrade
from bot.domain.envelope import Zone

SERVER = "postgresql://postgres@127.0.0.1:5432"
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
    with _address(backend, directory) as url:
        make_keys(directory / "keys")
        upgrade(url)
        database = Database(url)
        try:
            yield Rig(url, directory / "keys", database, HandTime())
        finally:
            database.close()


@contextmanager
def _address(backend: str, directory: Path) -> Iterator[str]:
    if backend == "sqlite":
        yield f"sqlite:///{directory}/ledger/journeyman.db"
        return
    with empty_postgres() as url:
        yield url


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
