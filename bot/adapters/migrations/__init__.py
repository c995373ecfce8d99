"""The database's history (Alembic), packaged so that an installed journeyman can set its database up by itself."""

from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from bot.adapters.database import Database
from bot.domain.errors import ConfigError

_LOCK = 7305132246580912  # any constant: what processes of this product agree on in PostgreSQL


def upgrade(url: str) -> None:
    """Bring the database to this version's tables, creating it if it is a new SQLite file.

    Safe when several processes start at once: one works, the others wait and then find nothing to do. Raises
    ConfigError when the database was made by a newer version, or cannot be opened at all.
    """
    with closing(Database(url, patience=60.0)) as database, database.opening():
        if not database.read(is_newest):
            _migrate(database)


def newest() -> str:
    """Return the last revision: the files are named after theirs."""
    return max(path.name[1:5] for path in (Path(__file__).parent / "versions").glob("r[0-9]*.py"))


def is_newest(connection: Connection) -> bool:
    """Tell whether the tables are this version's."""
    if not inspect(connection).has_table("alembic_version"):
        return False
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [newest()]


def _migrate(database: Database) -> None:
    from alembic.util import CommandError  # a process that finds the tables up to date starts sooner without Alembic

    try:
        database.write(_upgrade)
    except CommandError as error:
        raise ConfigError(f"the database is of another version of journeyman: {error}; install that one") from error


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    # SQLite: the transaction began with BEGIN IMMEDIATE, so there is one migrator at a time already.
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
