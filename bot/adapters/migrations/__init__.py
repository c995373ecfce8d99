"""The database's history (Alembic), packaged so that an installed journeyman can set its database up by itself."""

from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text

from bot.adapters.database import Database
from bot.domain.errors import ConfigError

_LOCK = 7305132246580912  # any constant: what processes of this product agree on in PostgreSQL


def upgrade(url: str) -> None:
    """Bring the database to this version's tables, creating it if it is a new SQLite file.

    Safe when several processes start at once: one works, the others wait and then find nothing to do. Raises
    ConfigError when the database was made by a newer version.
    """
    with closing(Database(url, patience=60.0)) as database:
        try:
            database.write(_upgrade)
        except CommandError as error:
            raise ConfigError(f"the database is of another version of journeyman: {error}; install that one") from error


def _upgrade(connection: Connection) -> None:
    # SQLite: the transaction began with BEGIN IMMEDIATE, so there is one migrator at a time already.
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
