"""The wake-up channel: Celery messages sent by name, with an id and nothing else. Losing one loses nothing."""

from collections.abc import Iterable
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

from bot.ports import Job

ZONE_OF = {"deliver": "broker", "advance": "broker", "execute": "agent", "sweep": "broker", "reconcile": "broker"}


def celery_app(url: str, name: str = "journeyman") -> Celery:
    """Return a Celery application with the settings that SAFETY.md asks for.

    Early acknowledgement, one message at a time, no results, no countdowns: the database is the truth, so a message
    that is lost is sent again by the sweep and one that comes twice finds nothing to claim.
    """
    app = Celery(name, broker=url, set_as_current=False)
    app.conf.update(
        task_acks_late=False,
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_serializer="json",
        accept_content=["json"],
        task_routes={f"journeyman.{job}": {"queue": queue} for job, queue in ZONE_OF.items()},
        task_create_missing_queues=True,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=3,
        broker_transport_options=_transport(url),
        timezone="UTC",
        enable_utc=True,
    )
    return app


def _transport(url: str) -> dict[str, Any]:
    if not url.startswith(("redis", "rediss")):
        return {}
    return {
        "socket_timeout": 5,
        "socket_connect_timeout": 3,
        "socket_keepalive": True,
        "health_check_interval": 15,
        "visibility_timeout": 3600,
        "unacked_restore_interval": 1,
    }


class CeleryQueue:
    """Sends wake-ups through Celery."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def send(self, jobs: Iterable[Job]) -> bool:
        """Ask the right zone to look at these jobs; False when the broker could not be reached (the sweep will)."""
        reached = True
        for job in {(job.name, job.key): job for job in jobs}.values():
            try:
                self._app.send_task(
                    f"journeyman.{job.name}", args=job.key.split("/", 1), ignore_result=True, retry=False, expires=600
                )
            except (OperationalError, OSError):
                reached = False
        return reached


class NoQueue:
    """Used where no broker is configured: jobs wait in the database until a sweep sends them."""

    def send(self, jobs: Iterable[Job]) -> bool:
        """Send nothing."""
        return not list(jobs)
