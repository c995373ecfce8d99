"""`journeyman up`."""

import os
import signal

import typer

from bot.config import load
from workers.supervisor import Installation


def up(
    port: int = typer.Option(8080, min=1, max=65535, help="Port of the receiver of webhooks."),
    host: str = typer.Option("127.0.0.1", help="Address of the receiver."),
) -> None:
    """Run receiver, broker, agent and beat on this machine until SIGTERM or Ctrl-C.

    Each is a process of its own that is given only its zone's credentials. Without JOURNEYMAN_REDIS_URL an embedded
    Valkey is started; without JOURNEYMAN_DATABASE_URL a SQLite file in JOURNEYMAN_DATA_DIR is used. Exit 78 when the
    settings cannot work, 1 when a process cannot be kept alive.

    Example: JOURNEYMAN_GITHUB_TOKEN=... JOURNEYMAN_GITHUB_WEBHOOK_SECRET=... journeyman up --port 8080
    """
    load()
    ended: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: ended.append(received))
    installation = Installation(dict(os.environ), port, host)
    installation.start()
    typer.echo(f"ready: {installation.url} (POST /webhooks/github or /webhooks/gitlab); Ctrl-C stops", err=True)
    try:
        installation.run(lambda: bool(ended))
    finally:
        installation.stop()
