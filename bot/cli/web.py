"""`journeyman web`."""

import typer

from bot.bootstrap import receiver
from bot.config import load
from bot.web.serve import serve


def web(
    host: str = typer.Option("127.0.0.1", help="Address to listen on."),
    port: int = typer.Option(8080, min=0, max=65535, help="Port to listen on; 0 takes a free one."),
) -> None:
    """Serve POST /webhooks/github and /webhooks/gitlab, GET /healthz, /readyz and /metrics.

    Needs JOURNEYMAN_GITHUB_WEBHOOK_SECRET or JOURNEYMAN_GITLAB_WEBHOOK_SECRET, or both; works with SQLite and without
    Redis. Refuses to start (exit 78) with a credential of another zone, and (exit 1) where it cannot listen. Says on
    standard error where it listens. Stops cleanly on SIGTERM.

    Example: JOURNEYMAN_GITHUB_WEBHOOK_SECRET=... journeyman web --port 8080
    """
    settings = load()
    serve(receiver(settings), host, port, log_level=settings.log_level)
