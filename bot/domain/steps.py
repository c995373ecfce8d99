"""What to do next: a pure function of a run."""

from dataclasses import dataclass

from bot.domain.facts import PatchRefused, TaskFailed
from bot.domain.graph import Task
from bot.domain.run import Run


@dataclass(frozen=True, slots=True)
class StoreSource:
    """Fetch the base commit's files and store them for the agent zone."""


@dataclass(frozen=True, slots=True)
class DraftPlan:
    """Ask the agent zone for a plan."""


@dataclass(frozen=True, slots=True)
class FreezePlan:
    """Check the drafted plan against policy and freeze it."""


@dataclass(frozen=True, slots=True)
class StartTasks:
    """Ask the agent zone to execute these tasks."""

    tasks: tuple[Task, ...]


@dataclass(frozen=True, slots=True)
class Publish:
    """Validate the patch of this task, push it, open the change."""

    task: str


@dataclass(frozen=True, slots=True)
class Judge:
    """Look at the change on the forge and let the gate judge its head."""


@dataclass(frozen=True, slots=True)
class ShowVerdict:
    """Show the verdict on the forge as the check `journeyman/gate`."""


@dataclass(frozen=True, slots=True)
class Merge:
    """Look once more, get the permit, merge exactly that head, compare what landed."""


@dataclass(frozen=True, slots=True)
class CloseIssue:
    """Close the issue."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """End the run: no task can bring it further."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do until a fact arrives; `reason` is for people."""

    reason: str


@dataclass(frozen=True, slots=True)
class Rest:
    """The run has ended."""


Step = (
    StoreSource
    | DraftPlan
    | FreezePlan
    | StartTasks
    | Publish
    | Judge
    | ShowVerdict
    | Merge
    | CloseIssue
    | GiveUp
    | Wait
    | Rest
)


def next_step(run: Run) -> Step:
    """Return what brings the run forward."""
    if run.merged is not None and not run.issue_closed and run.failed is None:
        return CloseIssue()
    if run.terminal:
        return Rest()
    if run.published is not None:
        return _towards_merge(run)
    if run.source is None:
        return StoreSource()
    if run.draft is None:
        return _give_up(run.lost["plan"]) if "plan" in run.lost else DraftPlan()
    if run.planned is None:
        return FreezePlan()
    if not run.plan_is_approved:
        return Wait(f"approval of plan {run.planned.digest[:12]}")
    return _towards_change(run)


def _towards_change(run: Run) -> Step:
    solution = run.solution
    if solution is not None:
        return Publish(solution.task)
    assert run.planned is not None
    ready = run.planned.plan.graph.ready(run.done, run.lost)
    if ready:
        return StartTasks(ready)
    if run.lost:
        return _give_up(list(run.lost.values())[-1])
    return GiveUp("plan_refused", "the plan has no task that can be done")


def _give_up(lost: TaskFailed | PatchRefused) -> GiveUp:
    return GiveUp(lost.code if isinstance(lost, TaskFailed) else "patch_refused", lost.reason)


def _towards_merge(run: Run) -> Step:
    if run.judged is None or run.judged.sha != run.head or run.woken:
        return Judge()
    if not verdict_is_shown(run):
        return ShowVerdict()
    if run.judged.state == "approved" and run.merge_refused is None:
        return Merge()
    return Wait("the gate")


def verdict_is_shown(run: Run) -> bool:
    """Tell whether the forge shows the present verdict."""
    shown = run.reported.get("gate")
    return run.judged is not None and shown is not None and shown.digest == verdict_digest(run)


def verdict_digest(run: Run) -> str:
    """Return what the shown verdict is known by: head, state and every row."""
    assert run.judged is not None
    rows = ";".join("|".join(row) for row in run.judged.rules)
    return f"{run.judged.sha}:{run.judged.state}:{rows}"
