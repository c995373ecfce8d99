"""Executing a task: every end has an outcome, a stopped task ends quietly, and nothing is said twice."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bot.domain import facts as f
from bot.domain.envelope import Zone
from bot.domain.errors import LeaseLost, SandboxUnavailable, Tampered
from bot.domain.run import Run, fold
from tests.builders import BASE, RUN, intent, planned, task
from tests.contract.ledger_rig import Rig, installation
from tests.unit.test_solvers import ADD, DOUBLE, FILES, edits, shell, tar
from workers.executor import Executor
from workers.models.router import ModelSettings
from workers.models.script import parse
from workers.models.scripted_server import ScriptedServer
from workers.sandbox.bubblewrap import BubblewrapSandbox


def free() -> None:
    """A lease that is never lost."""


@dataclass
class Broken:
    """A sandbox that cannot be had."""

    error: Exception
    python: str = "/usr/bin/python3"

    def check(self) -> None:
        raise self.error

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        raise self.error
        yield Path()

    def run(self, *_: Any, **__: Any) -> Any:
        raise self.error


@dataclass
class Desk:
    """One run with a plan, and an executor."""

    rig: Rig
    solver: str = "repair"
    protected: tuple[str, ...] = ()

    def begin(self, *earlier: f.Fact) -> None:
        digest = self.rig.artifacts.put(tar(FILES))
        plan = replace(planned(task("repair", solver=self.solver)), protected=self.protected)
        self.append(Zone.BROKER, f.Requested(intent()), f.SourceStored(BASE, digest))
        self.append(Zone.AGENT, f.PlanDrafted(plan.plan))
        self.append(Zone.BROKER, plan)
        self.append(Zone.AGENT, *earlier)

    def append(self, zone: Zone, *facts: f.Fact) -> None:
        if facts:
            ledger = self.rig.ledger(zone)
            ledger.append(RUN, facts, expect=len(ledger.read(RUN)), cause="test")

    @property
    def run(self) -> Run:
        return fold(self.rig.ledger().read(RUN))

    def execute(self, sandbox: Any, *, url: str = "", renew: Callable[[], None] = free) -> None:
        executor = Executor(
            ledger=self.rig.ledger(Zone.AGENT),
            artifacts=self.rig.artifacts,
            memo=self.rig.memo,
            time=self.rig.time,
            sandbox=sandbox,
            models=ModelSettings(url=url, name="scripted"),
            engines=True,
            seconds=60.0,
        )
        executor.execute(RUN, "repair/1", renew)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with installation("sqlite", tmp_path) as made:
        yield made


@pytest.fixture
def desk(rig: Rig) -> Desk:
    return Desk(rig)


# --- failures of ours
@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (SandboxUnavailable("install bubblewrap"), "sandbox", "no sandbox: install bubblewrap"),
        (OSError(28, "No space left on device"), "internal", "OSError: [Errno 28] No space left on device"),
    ],
)
def test_a_failure_of_ours_is_an_outcome(desk: Desk, error: Exception, code: str, reason: str) -> None:
    desk.begin()
    desk.execute(Broken(error))
    assert desk.run.lost == {"repair": f.TaskFailed("repair", 1, code, reason)}
    assert desk.run.running == frozenset()


@pytest.mark.parametrize("error", [LeaseLost("taken over"), Tampered("another chain")])
def test_what_another_attempt_can_mend_is_no_outcome(desk: Desk, error: Exception) -> None:
    desk.begin()
    with pytest.raises(type(error)):
        desk.execute(Broken(error))
    assert (desk.run.lost, desk.run.done) == ({}, {})


def test_a_model_that_cannot_be_named_is_an_outcome(desk: Desk, sandbox: BubblewrapSandbox) -> None:
    desk.solver = "agent"
    desk.begin()
    desk.execute(sandbox, url="ftp://nowhere")
    lost = desk.run.lost["repair"]
    assert isinstance(lost, f.TaskFailed)
    assert (lost.code, "JOURNEYMAN_MODEL_URL" in lost.reason) == ("internal", True)


def test_a_task_that_is_begun_again_and_again_says_so(desk: Desk) -> None:
    desk.begin(*(f.TaskStarted("repair", attempt) for attempt in (1, 2, 3)))
    desk.execute(Broken(OSError()))
    lost = desk.run.lost["repair"]
    assert isinstance(lost, f.TaskFailed)
    assert lost.code == "crashed"


# --- stops
def test_a_stop_ends_the_work_of_the_agent(desk: Desk, sandbox: BubblewrapSandbox) -> None:
    desk.solver = "agent"
    desk.begin()
    renewed: list[int] = []

    def renew() -> None:
        renewed.append(1)
        if len(renewed) == 2:
            desk.append(Zone.BROKER, f.Stopped("alice"))

    with ScriptedServer(parse(edits(ADD, DOUBLE))) as server:
        desk.execute(sandbox, url=server.url, renew=renew)
    assert len(renewed) == 2
    assert len(desk.run.used) == 1, "the question before the stop, and none after"
    assert (desk.run.state, desk.run.lost, desk.run.done) == ("stopped", {}, {})


def test_a_lost_lease_ends_the_work_of_the_agent(desk: Desk, sandbox: BubblewrapSandbox) -> None:
    desk.solver = "agent"
    desk.begin()

    def renew() -> None:
        raise LeaseLost("taken over")

    with ScriptedServer(parse(edits(ADD, DOUBLE))) as server, pytest.raises(LeaseLost):
        desk.execute(sandbox, url=server.url, renew=renew)
    assert (desk.run.used, desk.run.lost, desk.run.done) == ((), {}, {})


# --- what is protected
def test_an_agent_learns_at_once_what_is_protected(desk: Desk, sandbox: BubblewrapSandbox) -> None:
    desk.solver, desk.protected = "agent", ("/calc.py",)
    desk.begin()
    with ScriptedServer(parse(edits(ADD))) as server:
        desk.execute(sandbox, url=server.url)
    (refused,) = desk.run.refused_tools
    assert (refused.tool, "calc.py is a protected path" in refused.reason) == ("files.edit", True)
    lost = desk.run.lost["repair"]
    assert isinstance(lost, f.TaskFailed)
    assert lost.code == "no_patch"


# --- said once
def test_a_refusal_is_told_once_however_often_it_happens(desk: Desk, sandbox: BubblewrapSandbox) -> None:
    desk.solver = "agent"
    desk.begin()
    climb = {"call": {"name": "files.read", "arguments": {"path": "../../etc/passwd"}}}
    looks: list[float] = []

    def dies_at_the_third() -> None:
        looks.append(time.monotonic())
        if len(looks) == 3:
            raise LeaseLost("the worker is gone")

    with ScriptedServer(parse([climb, *shell("true"), *edits(ADD, DOUBLE)])) as server:
        with pytest.raises(LeaseLost):
            desk.execute(sandbox, url=server.url, renew=dies_at_the_third)
        assert len(desk.run.refused_tools) == 1
        desk.execute(sandbox, url=server.url)
    assert [fact.tool for fact in desk.run.refused_tools] == ["files.read"]
    assert (set(desk.run.done), desk.run.attempts) == ({"repair"}, {"repair": 2})
