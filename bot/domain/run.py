"""A run: the life of one request, as the fold of its facts. Nothing here is stored; everything is recomputed."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import assert_never

from bot.domain import facts as f
from bot.domain.actions import ActionPlan
from bot.domain.change import Repo
from bot.domain.envelope import Envelope
from bot.domain.errors import Tampered
from bot.domain.intent import Intent

MAX_ATTEMPTS = 3


def run_id(repo: Repo, issue: int, ordinal: int) -> str:
    """Return the id of the `ordinal`-th run (from 0) of an issue; racers compute the same."""
    return "run-" + sha256(f"{repo}#{issue}/{ordinal}".encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Run:
    """What is known of a run after `version` facts. Fields that begin empty are filled by the facts named in `fold`."""

    id: str
    version: int
    intent: Intent
    began: float = 0.0
    asked_at: float = 0.0
    generation: int = 1
    source: f.SourceStored | None = None
    draft: ActionPlan | None = None
    planned: f.Planned | None = None
    planned_at: int = 0
    plan_approval: f.PlanApproved | None = None
    attempts: dict[str, int] = field(default_factory=dict)
    running: frozenset[str] = frozenset()
    done: dict[str, f.TaskDone] = field(default_factory=dict)
    lost: dict[str, f.TaskFailed | f.PatchRefused] = field(default_factory=dict)
    used: tuple[f.ModelUsed, ...] = ()
    refused_tools: tuple[f.ToolRefused, ...] = ()
    published: f.Published | None = None
    stale: frozenset[str] = frozenset()
    head: str = ""
    judged: f.Judged | None = None
    woken: bool = False
    merged: f.Merged | None = None
    merge_refused: f.MergeRefused | None = None
    refusals: int = 0
    looked_at: float = 0.0
    merge_tried_at: float = 0.0
    issue_closed: bool = False
    change_closed: f.ChangeClosed | None = None
    stopped: f.Stopped | None = None
    failed: f.Failed | None = None
    effects: dict[str, str] = field(default_factory=dict)
    reported: dict[str, f.Reported] = field(default_factory=dict)
    reports: dict[str, int] = field(default_factory=dict)
    causes: frozenset[str] = frozenset()

    @property
    def open_effects(self) -> tuple[str, ...]:
        """Return the keys of effects that were intended and have no outcome yet."""
        return tuple(key for key, outcome in self.effects.items() if outcome == "")

    def report_key(self, surface: str) -> str:
        """Return the key of the next report on a surface: the same until that report is done."""
        return f"report:{surface}:{self.reports.get(surface, 0)}"

    @property
    def branch(self) -> str:
        """Return the branch that this run publishes to: always the same for the same run and generation."""
        if self.intent.kind == "revise":
            return self.intent.base
        suffix = f"-{self.generation}" if self.generation > 1 else ""
        return f"agent/issue-{self.intent.issue}-{self.id.removeprefix('run-')[:8]}{suffix}"

    @property
    def plan_is_approved(self) -> bool:
        """Tell whether nothing is missing to act on the plan."""
        if self.planned is None:
            return False
        if self.intent.mode == "review":
            return True
        return self.plan_approval is not None and self.plan_approval.digest == self.planned.digest

    @property
    def solution(self) -> f.TaskDone | None:
        """Return the done task whose patch is the run's result: the last of the plan that is done."""
        if self.planned is None:
            return None
        wanted = [self.done[task.id] for task in self.planned.plan.graph.tasks if task.id in self.done]
        return wanted[-1] if wanted else None

    @property
    def terminal(self) -> bool:
        """Tell whether the run has ended (a retry can begin it again)."""
        return self._reached or self.stopped is not None or self.failed is not None or self.change_closed is not None

    @property
    def _reached(self) -> bool:
        """Tell whether the goal is reached: a fix has landed and its issue is closed, a revision is on its change."""
        if self.intent.kind == "revise":
            return self.published is not None
        return self.merged is not None and self.issue_closed

    @property
    def state(self) -> str:
        """Return the state in one word, for people and for the read model."""
        marks = (
            (self._reached, "done"),
            (self.failed is not None, "failed"),
            (self.stopped is not None, "stopped"),
            (self.change_closed is not None, "closed"),
            (self.merged is not None, "merged"),
            (self.published is not None and self._is_permitted, "merging"),
            (self.published is not None, "waiting"),
            (self.planned is not None and not self.plan_is_approved, "planned"),
            (self.solution is not None, "publishing"),
            (self.planned is not None, "working"),
        )
        return next((word for holds, word in marks if holds), "planning")

    @property
    def _is_permitted(self) -> bool:
        return self.judged is not None and self.judged.state == "approved" and self.judged.sha == self.head


def fold(envelopes: Iterable[Envelope]) -> Run:
    """Rebuild a run from its verified envelopes.

    Raises Tampered when a zone signed what it has no right to, or when the stream does not begin with Requested.
    """
    run: Run | None = None
    for envelope in envelopes:
        run = _begin(envelope) if run is None else extend(run, [envelope])
    if run is None:
        raise Tampered("an empty stream is no run")
    return run


def extend(run: Run, envelopes: Iterable[Envelope]) -> Run:
    """Fold further envelopes of the same stream into a run; raises Tampered as `fold` does."""
    for envelope in envelopes:
        fact = _rightful(envelope)
        run = replace(apply(run, fact), version=envelope.version)
        if isinstance(fact, f.Stopped | f.Retried | f.PlanApproved):
            run = replace(run, causes=run.causes | {envelope.cause})
        if isinstance(fact, f.Retried):
            run = replace(run, asked_at=envelope.clock.wall / 1000)
        if isinstance(fact, f.Planned):
            run = replace(run, planned_at=envelope.clock.wall // 1000)
        if isinstance(fact, f.EffectIntended) and fact.kind == "merge":
            run = replace(run, merge_tried_at=envelope.clock.wall / 1000)
        if isinstance(fact, f.Judged | f.MergeRefused):
            run = replace(run, looked_at=envelope.clock.wall / 1000)
    return run


def _begin(envelope: Envelope) -> Run:
    fact = _rightful(envelope)
    if not isinstance(fact, f.Requested):
        raise Tampered(f"{envelope.stream}: the first fact is {envelope.kind}, not Requested")
    causes = frozenset({envelope.cause})
    began = envelope.clock.wall / 1000
    return Run(envelope.stream, envelope.version, fact.intent, began=began, asked_at=began, causes=causes)


def _rightful(envelope: Envelope) -> f.Fact:
    if not f.may_sign(envelope.zone, envelope.kind):
        raise Tampered(f"{envelope.stream} {envelope.version}: zone {envelope.zone} may not sign {envelope.kind}")
    try:
        return f.decode(envelope.kind, envelope.body)
    except ValueError as error:
        raise Tampered(f"{envelope.stream} {envelope.version}: no {envelope.kind} has such a body: {error}") from error


def apply(run: Run, fact: f.Fact) -> Run:
    """Return the run after one more fact; raises Tampered for a fact that is of no run."""
    match fact:
        case f.SourceStored():
            return replace(run, source=fact)
        case f.PlanDrafted(plan):
            return replace(run, draft=plan, running=run.running - {"plan"})
        case f.Planned():
            return replace(run, planned=fact)
        case f.PlanApproved():
            return replace(run, plan_approval=fact)
        case f.TaskStarted(task, attempt):
            return replace(run, attempts={**run.attempts, task: attempt}, running=run.running | {task})
        case f.ModelUsed():
            return replace(run, used=(*run.used, fact))
        case f.ToolRefused():
            return replace(run, refused_tools=(*run.refused_tools, fact))
        case f.TaskDone():
            return replace(run, done={**run.done, fact.task: fact}, running=run.running - {fact.task})
        case f.TaskFailed():
            return replace(run, lost={**run.lost, fact.task: fact}, running=run.running - {fact.task})
        case f.PatchRefused():
            done = {task: result for task, result in run.done.items() if task != fact.task}
            return replace(run, done=done, lost={**run.lost, fact.task: fact})
        case f.EffectIntended(key):
            return replace(run, effects={**run.effects, key: ""})
        case f.EffectDone(key, result):
            return replace(run, effects={**run.effects, key: f"done {result}"})
        case f.EffectFailed(key, reason):
            return replace(run, effects={**run.effects, key: f"failed {reason}"})
        case f.Published():
            return replace(run, published=fact, head=fact.head_sha, stale=frozenset())
        case f.HeadSeen(sha, stale):
            return replace(run, head=sha, stale=run.stale | set(stale), judged=None, merge_refused=None, refusals=0)
        case f.Judged():
            return replace(run, judged=fact, woken=False)
        case f.Merged():
            return replace(run, merged=fact)
        case f.MergeRefused():
            return replace(run, merge_refused=fact, refusals=run.refusals + 1, woken=False)
        case f.IssueClosed():
            return replace(run, issue_closed=True)
        case f.ChangeClosed():
            return replace(run, change_closed=fact)
        case f.Woken():
            return replace(run, woken=True, merge_refused=None, reported=_heard(run))
        case f.Reported(surface):
            counted = {**run.reports, surface: run.reports.get(surface, 0) + 1}
            return replace(run, reported={**run.reported, surface: fact}, reports=counted)
        case f.Stopped():
            return replace(run, stopped=fact)
        case f.Failed():
            return replace(run, failed=fact, running=frozenset())
        case f.Retried():
            return _again(run)
        case f.Received() | f.Handled() | f.Requested():
            raise Tampered(f"{type(fact).__name__} does not belong in the stream of a run")
        case _:  # pragma: no cover - the type checker proves that nothing is left
            assert_never(fact)


def _heard(run: Run) -> dict[str, f.Reported]:
    """Return the reports that a forge took: what it refused is said again when somebody may have mended that."""
    return {surface: report for surface, report in run.reported.items() if report.ref != f.REFUSED}


def _again(run: Run) -> Run:
    """Begin again: from the open change when there is one, from a fresh look at the repository otherwise."""
    fresh = replace(
        run,
        stopped=None,
        failed=None,
        merge_refused=None,
        refusals=0,
        judged=None,
        woken=True,
        reported=_heard(run),
    )
    if run.merged is not None or (run.published is not None and run.change_closed is None):
        return fresh
    return replace(
        fresh,
        generation=run.generation + 1,
        source=None,
        draft=None,
        planned=None,
        plan_approval=None,
        attempts={},
        running=frozenset(),
        done={},
        lost={},
        published=None,
        head="",
        stale=frozenset(),
        change_closed=None,
    )
