"""`journeyman beat`."""

from celery.apps.beat import Beat

from bot.config import guard, load
from workers.app import make_app


def beat() -> None:
    """Run the clock: it asks the broker to sweep, every few seconds, until SIGTERM. Holds no credential at all.

    Example: JOURNEYMAN_REDIS_URL=redis://127.0.0.1:6379/0 journeyman beat
    """
    settings, app = load(), make_app()
    guard(None, settings)
    options = {"queue": "broker", "expires": settings.sweep_seconds * 5}
    schedule = {"task": "journeyman.sweep", "schedule": settings.sweep_seconds, "options": options}
    app.conf.beat_schedule = {"sweep": schedule}
    app.conf.beat_max_loop_interval = settings.sweep_seconds
    Beat(app=app, scheduler="celery.beat:Scheduler", loglevel="WARNING", quiet=True).run()
