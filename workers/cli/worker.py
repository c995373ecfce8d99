"""`journeyman worker`."""

import warnings
from typing import Annotated

import typer
from celery.platforms import SecurityWarning

from bot.adapters.queue import CeleryQueue
from bot.config import load
from bot.domain.envelope import Zone
from workers.app import make_app

THREADS = {"broker": 4, "agent": 2}


def worker(
    zone: Annotated[Zone, typer.Option(help="broker (forge keys, Slack) or agent (model keys, sandbox).")],
    concurrency: Annotated[int, typer.Option(min=0, max=64, help="Jobs at once; 0: the zone's default.")] = 0,
) -> None:
    """Run the Celery worker of one zone until SIGTERM.

    Refuses to start (exit 78) without a broker address or with a credential of another zone; the agent zone refuses
    (exit 1) where no sandbox can be had.

    Example: JOURNEYMAN_REDIS_URL=redis://127.0.0.1:6379/0 journeyman worker --zone agent
    """
    if zone is Zone.RECEIVER:
        raise typer.BadParameter("the receiver is no worker: run `journeyman web`", param_hint="--zone")
    settings, app = load(), make_app()
    queue = CeleryQueue(app)
    match zone:
        # Each zone imports its own code only: quicker, and the broker's image needs neither sandbox nor model SDKs.
        case Zone.BROKER:
            from bot.bootstrap import broker
            from workers.tasks import broker_tasks

            broker_tasks(app, broker(settings, queue))
        case Zone.AGENT:
            from workers.agent_tasks import agent_tasks
            from workers.bootstrap import agent

            agent_tasks(app, agent(settings, queue))
    threads = concurrency or THREADS[zone.value]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=WARNING"]
    name = f"--hostname={zone.value}@%h"
    # Celery warns root of what a pickled message could do; we accept JSON only.
    warnings.filterwarnings("ignore", "You're running the worker with superuser", SecurityWarning)
    app.worker_main(
        ["--quiet", "worker", f"--queues={zone.value}", "--pool=threads", f"--concurrency={threads}", name, *quiet]
    )
