"""`journeyman migrate`."""

import typer

from bot.adapters.migrations import upgrade
from bot.config import guard, load


def migrate() -> None:
    """Bring the database's tables up to date, and end. Every zone does so as it starts; this is for doing it before.

    Needs no credential but the database's; refuses to start (exit 78) with one of a zone. Exit 0 done, 1 when the
    database does not answer.

    Example: JOURNEYMAN_DATABASE_URL=postgresql://user@host/journeyman journeyman migrate
    """
    settings = load()
    guard(None, settings)
    upgrade(settings.database)
    typer.echo("the tables are up to date", err=True)
