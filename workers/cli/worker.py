"""`journeyman worker`."""

import os
import signal
import sys
import warnings
from contextlib import ExitStack
from threading import Timer
from typing import Annotated

import typer
from celery import Celery
from celery.platforms import SecurityWarning
from celery.signals import worker_shutting_down

from bot.adapters.queue import CeleryQueue
from bot.config import load
from bot.domain.envelope import Zone
from workers.app import make_app

THREADS = {"broker": 4, "agent": 2}
PATIENCE = 10.0
"""Seconds that jobs have to end in after SIGTERM: less than those who send it wait before they kill."""


def worker(
    zone: Annotated[Zone, typer.Option(help="broker (forge keys, Slack) or agent (model keys, sandbox).")],
    concurrency: Annotated[int, typer.Option(min=0, max=64, help="Jobs at once; 0: the zone's default.")] = 0,
) -> None:
    """Run the Celery worker of one zone until SIGTERM; what then does not end within 10 seconds is done again later.

    Refuses to start (exit 78) without a broker address or with a credential of another zone; the agent zone refuses
    (exit 1) where no sandbox can be had.

    Example: JOURNEYMAN_REDIS_URL=redis://127.0.0.1:6379/0 journeyman worker --zone agent
    """
    if zone is Zone.RECEIVER:
        raise typer.BadParameter("the receiver is no worker: run `journeyman web`", param_hint="--zone")
    leave_tidily()
    settings, app = load(), make_app()
    queue = CeleryQueue(app)
    with ExitStack() as ending:
        match zone:
            # Each zone imports its own code only: quicker, and the broker's image needs neither sandbox nor model SDKs.
            case Zone.BROKER:
                from bot.bootstrap import broker
                from workers.tasks import broker_tasks

                made = broker(settings, queue)
                ending.callback(made.close)
                broker_tasks(app, made)
            case Zone.AGENT:
                from workers.agent_tasks import agent_tasks
                from workers.bootstrap import agent

                agent_tasks(app, agent(settings, queue))
        serve(app, zone, concurrency or THREADS[zone.value])


def leave_tidily() -> None:
    """Let SIGTERM unwind what runs until Celery takes it over: the agent tries its sandbox, in a room, as it starts."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def serve(app: Celery, zone: Zone, threads: int, patience: float = PATIENCE) -> None:
    """Work until SIGTERM or SIGINT, and on for as long as jobs run, but no longer than `patience` seconds."""

    def end(**_: object) -> None:
        timer = Timer(patience, give_up)
        timer.daemon = True
        timer.start()

    def give_up() -> None:
        sys.stderr.write(f"a job did not end within {patience:g} s; it is done again when its lease has run out\n")
        sys.stderr.flush()
        os._exit(0)  # nothing else ends a thread that is at work

    # Not Celery's soft shutdown (REMAP_SIGTERM=SIGQUIT): it is for a pool of processes. With threads it sleeps its time
    # out even when the job ended at once, and a longer job makes it fail (NotImplementedError: kill_job) and hang.
    worker_shutting_down.connect(end, weak=False)
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=WARNING"]
    name = f"--hostname={zone.value}@%h"
    # Celery warns root of what a pickled message could do; we accept JSON only.
    warnings.filterwarnings("ignore", "You're running the worker with superuser", SecurityWarning)
    app.worker_main(
        ["--quiet", "worker", f"--queues={zone.value}", "--pool=threads", f"--concurrency={threads}", name, *quiet]
    )
