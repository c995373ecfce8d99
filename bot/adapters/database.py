"""One way to the database for all SQL adapters: SQLite (one machine) or PostgreSQL (more)."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, inspect, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, OperationalError, SQLAlchemyError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, stop_after_delay, wait_random_exponential

from bot.domain.errors import ConfigError, LedgerError

T = TypeVar("T")

LONGEST_BUSY = 3.0
VARIABLES = "JOURNEYMAN_DATABASE_URL, or else JOURNEYMAN_DATA_DIR"
NO_DATABASE = "`journeyman up` makes one; or set JOURNEYMAN_DATABASE_URL (or JOURNEYMAN_DATA_DIR) to where it is"
UNDEFINED_TABLE = "42P01"
# SQLSTATE: serialization failure, deadlock, lock not available, and the server going down or coming up.
_TRANSIENT = frozenset({"40001", "40P01", "55P03", "57P01", "57P02", "57P03"})


def normal_url(url: str) -> URL:
    """Return the URL that SQLAlchemy wants; raises ConfigError for what cannot be a ledger."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError("JOURNEYMAN_DATABASE_URL is not a database URL; try sqlite:///journeyman.db") from error
    match parsed.drivername:
        case "postgres" | "postgresql" | "postgresql+psycopg":
            return parsed.set(drivername="postgresql+psycopg")
        case "sqlite" | "sqlite+pysqlite":
            if parsed.database in {None, "", ":memory:"} or str(parsed.database).startswith("file:"):
                raise ConfigError("JOURNEYMAN_DATABASE_URL must name a file, as in sqlite:///journeyman.db")
            return parsed
        case other:
            raise ConfigError(f"JOURNEYMAN_DATABASE_URL: {other} is not supported; use sqlite or postgresql")


class NoDatabase(ConfigError):
    """There is none where the settings say, yet."""


class Database:
    """An engine with the settings that durability needs, bounded retries, and our errors instead of the driver's.

    Safe to use from many threads, and after a fork.
    """

    def __init__(self, url: str, *, patience: float = 20.0, readonly: bool = False) -> None:
        """Prepare (not yet connect). `patience` bounds, in seconds, how long contention is waited out.

        With `readonly` the database itself refuses every change, and a file that is not there is NoDatabase.
        """
        self.url = normal_url(url)
        self.patience = patience
        busy = min(patience, LONGEST_BUSY)
        self.engine = (
            _sqlite_engine(self.url, busy, readonly)
            if self.is_sqlite
            else _postgres_engine(self.url, patience, readonly)
        )
        self._process = os.getpid()
        self._fork = Lock()

    @property
    def is_sqlite(self) -> bool:
        """Tell which of the two it is."""
        return self.url.get_backend_name() == "sqlite"

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction that is committed when it returns, again when it lost against contention.

        IntegrityError passes through; every other database error becomes LedgerError.
        """
        return self._patiently(lambda: self._once(work, write=True))

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one snapshot of the database; errors as in `write`."""
        return self._patiently(lambda: self._once(work, write=False))

    def has(self, table: str) -> bool:
        """Tell whether there is such a table."""
        return self.read(lambda connection: inspect(connection).has_table(table))

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Give a connection on one snapshot, for reading more than fits in memory (`stream_results`)."""
        with _our_errors(), self._connect(write=False) as connection, connection.begin():
            yield connection

    @contextmanager
    def opening(self) -> Iterator[None]:
        """For the first use: raise ConfigError where the address leads to nothing that could ever be our database."""
        try:
            yield
        except LedgerError as error:
            if _is_hopeless(error.__cause__):
                raise ConfigError(f"{VARIABLES}: {error}") from error
            raise

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()

    def _once(self, work: Callable[[Connection], T], *, write: bool) -> T:
        with self._connect(write=write) as connection, connection.begin():
            return work(connection)

    def _connect(self, *, write: bool) -> Connection:
        with self._fork:
            if self._process != os.getpid():  # a forked child must not use its parent's connections, nor close them
                self.engine.dispose(close=False)
                self._process = os.getpid()
        connection = self.engine.connect()
        if self.is_sqlite:
            return connection.execution_options(begin="BEGIN IMMEDIATE" if write else "BEGIN")
        return connection.execution_options(isolation_level="READ COMMITTED" if write else "REPEATABLE READ")

    def _patiently(self, attempt: Callable[[], T]) -> T:
        retrying = Retrying(
            retry=retry_if_exception(is_transient),
            stop=stop_after_delay(self.patience) | stop_after_attempt(1000),
            wait=wait_random_exponential(multiplier=0.01, max=0.5),
            reraise=True,
        )
        with _our_errors():
            return retrying(attempt)


@contextmanager
def _our_errors() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise
    except SQLAlchemyError as error:
        raise LedgerError(_explain(error)) from error


def _explain(error: SQLAlchemyError) -> str:
    cause = " ".join(str(error.orig if isinstance(error, DBAPIError) and error.orig else error).split())
    if is_transient(error):
        return f"the database stayed busy or away for too long ({cause}); try again"
    if "no such table" in cause or _state(error) == UNDEFINED_TABLE:
        return f"the database is not set up ({cause}); run the migrations (journeyman up does)"
    return f"the database refused: {cause}"


def _state(error: BaseException) -> str | None:
    """Return PostgreSQL's SQLSTATE; None for errors of the connection itself, and for SQLite's."""
    state = getattr(error.orig, "sqlstate", None) if isinstance(error, DBAPIError) else None
    return str(state) if state else None


def is_transient(error: BaseException) -> bool:
    """Tell whether the same transaction may well succeed a moment later."""
    if not isinstance(error, DBAPIError):
        return False
    text = str(error.orig)
    if isinstance(error.orig, sqlite3.Error):
        return "database is locked" in text or "database table is locked" in text
    if error.connection_invalidated or _state(error) in _TRANSIENT:
        return True
    # The server cannot be reached: it restarts, or its address is wrong. A FATAL answer says that it is there.
    comes_or_goes = "FATAL" not in text or "starting up" in text or "shutting down" in text
    return isinstance(error, OperationalError) and _state(error) is None and comes_or_goes


def _is_hopeless(error: BaseException | None) -> bool:
    """Tell whether a first use that ended so will always do: no such file or database, no right, not a database."""
    if not isinstance(error, DBAPIError) or is_transient(error):
        return False
    is_another_file = getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB
    return is_another_file or isinstance(error, OperationalError)


def _postgres_engine(url: URL, patience: float, readonly: bool) -> Engine:
    limits = "-c statement_timeout=60000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=60000"
    limits += " -c default_transaction_read_only=on" if readonly else ""
    return create_engine(
        url,
        connect_args={"connect_timeout": max(2, min(5, int(patience))), "options": limits},
        pool_pre_ping=True,
        hide_parameters=True,
    )


def _sqlite_engine(url: URL, busy: float, readonly: bool) -> Engine:
    path = Path(str(url.database))
    if readonly:
        try:
            there = path.is_file()
        except OSError as error:
            raise ConfigError(f"{VARIABLES}: the database file {path} cannot be read: {error.strerror}") from error
        if not there:
            raise NoDatabase(f"there is no database at {path}; {NO_DATABASE}")
        # Not mode=ro: the last one to look at a crashed installation's file has to be able to read its journal.
        engine = create_engine(url, connect_args={"timeout": busy}, hide_parameters=True)
        event.listen(engine, "connect", _prepare_reader)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)  # SQLite gives its journal files the same mode
    except OSError as error:
        raise ConfigError(f"{VARIABLES}: the database file {path} cannot be created: {error.strerror}") from error
    engine = create_engine(url, connect_args={"timeout": busy}, hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin transactions by itself: `_begin_sqlite` does
    retrying = Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, sqlite3.OperationalError)),
        stop=stop_after_delay(LONGEST_BUSY),
        wait=wait_random_exponential(multiplier=0.005, max=0.1),
        reraise=True,
    )
    with closing(connection.cursor()) as cursor:
        cursor.execute("PRAGMA foreign_keys=ON")
        # Two processes that open a new file at once lock each other out here, and the busy time-out does not apply.
        retrying(cursor.execute, "PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")


def _prepare_reader(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # as above
    with closing(connection.cursor()) as cursor:
        cursor.execute("PRAGMA query_only=ON")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN IMMEDIATE"))


def insert(connection: Connection, table: Table) -> Any:
    """Return the dialect's INSERT, which both know to end with `on_conflict_do_update` or `_do_nothing`."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
