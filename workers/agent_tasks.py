"""The agent's Celery job."""

from celery import Celery

from bot.services.work import Done
from workers.bootstrap import AgentZone


def agent_tasks(app: Celery, zone: AgentZone) -> None:
    """Register the agent's jobs."""

    @app.task(name="journeyman.execute")  # type: ignore[untyped-decorator]
    def execute(run: str, task: str) -> None:
        zone.runner.run(
            "execute",
            f"{run}/{task}",
            lambda renew: Done(zone.executor.execute(run, task, renew)),
            lambda reason: zone.executor.bury(run, task, reason),
        )
