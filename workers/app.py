"""The Celery application of a worker process, and the zone that it works for."""

from celery import Celery

from bot.adapters.queue import celery_app
from bot.config import load
from bot.domain.errors import ConfigError


def make_app() -> Celery:
    """Return the application for the configured broker; raises ConfigError where none is configured."""
    settings = load()
    if not settings.redis_url:
        raise ConfigError(
            "set JOURNEYMAN_REDIS_URL, for instance redis://127.0.0.1:6379/0 (`journeyman up` brings its own)"
        )
    return celery_app(settings.redis_url)
