"""Wiring of the agent zone, the only one that names sandbox, engines and models."""

from dataclasses import dataclass

from bot.bootstrap import Store, log_of, open_store
from bot.config import Settings, guard
from bot.domain.envelope import Zone
from bot.ports import Queue
from bot.services.work import Runner
from workers.executor import Executor
from workers.modelling import model_settings
from workers.sandbox.bubblewrap import BubblewrapSandbox


@dataclass(frozen=True, slots=True)
class AgentZone:
    """What the agent's worker is given."""

    executor: Executor
    store: Store
    queue: Queue
    runner: Runner


def agent(settings: Settings, queue: Queue) -> AgentZone:
    """Wire the agent zone; raises SandboxUnavailable, with the fix, where no sandbox can be had."""
    guard(Zone.AGENT, settings)
    sandbox = BubblewrapSandbox(python=settings.sandbox_python or None)
    sandbox.check()
    store = open_store(settings, Zone.AGENT)
    executor = Executor(
        ledger=store.ledger,
        artifacts=store.artifacts,
        memo=store.memo,
        time=store.time,
        sandbox=sandbox,
        models=model_settings(settings),
        engines=settings.engines,
        seconds=settings.task_seconds,
    )
    log, longest = log_of(settings, Zone.AGENT), 2 * settings.task_seconds + 900  # a task keeps to its own bound first
    runner = Runner(store.jobs, queue, store.time, settings.lease_seconds, log, longest)
    return AgentZone(executor, store, queue, runner)
