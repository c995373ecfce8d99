"""Answers that were paid for once, in SQL."""

from sqlalchemy import select

from bot.adapters.database import Database, insert
from bot.adapters.jobs_sql import column_text
from bot.adapters.schema import memo


class SqlMemo:
    """Memo in the ledger's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def recall(self, scope: str, key: str) -> bytes | None:
        """Return what was remembered in this scope, or None."""
        query = select(memo.c.value).where(memo.c.scope == column_text(scope), memo.c.key == column_text(key))
        value: bytes | None = self._database.read(lambda connection: connection.execute(query).scalar_one_or_none())
        return value

    def remember(self, scope: str, key: str, value: bytes) -> None:
        """Remember; the first value for a key stays."""
        self._database.write(
            lambda connection: connection.execute(
                insert(connection, memo)
                .values(scope=column_text(scope), key=column_text(key), value=value)
                .on_conflict_do_nothing()
            )
        )
