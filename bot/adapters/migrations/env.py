"""Run by Alembic: migrate on the connection, and inside the transaction, that `upgrade` has opened."""

from alembic import context

from bot.adapters.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # SQLite can, once the driver leaves transactions to us
)
context.run_migrations()
