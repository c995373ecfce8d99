"""Builders with defaults: say only what a test is about."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from bot.domain import facts as f
from bot.domain.actions import Action, ActionPlan
from bot.domain.change import Change, Check, LabelSet, Repo, Role
from bot.domain.envelope import Clock, Envelope, Zone
from bot.domain.graph import Task, TaskGraph
from bot.domain.intent import Intent
from bot.domain.run import Run, fold, run_id
from bot.policy.evaluate import Snapshot
from bot.policy.load import LoadedPolicy, load

REPO = Repo("github", "octo/calc")
BASE = "b0" * 20
HEAD = "ab" * 20
OTHER = "cd" * 20
MERGED = "ef" * 20
POLICY = "90" * 32
RUN = run_id(REPO, 7, 0)
START_MS = 1_700_000_000_000
BOT, ALICE, BOB = "journeyman[bot]", "alice", "bob"


def intent(**changes: Any) -> Intent:
    """An intent: alice asked for a fix of issue 7."""
    made = Intent(
        kind="fix",
        repo=REPO,
        issue=7,
        title="add() subtracts",
        text="1 + 1 should be 2",
        requester=ALICE,
        base="main",
        base_sha=BASE,
        mode="review",
        cause="delivery-1",
        comment=11,
    )
    return replace(made, **changes)


def task(id_: str = "repair", **changes: Any) -> Task:
    """A task of the repair engine."""
    return replace(Task(id_, f"Do {id_}", "repair", 60.0), **changes)


def plan(*tasks: Task, run: str = RUN, base_sha: str = BASE) -> ActionPlan:
    """A plan of these tasks, or of one repair."""
    action = Action("open_change", f"{REPO}@main")
    return ActionPlan(run, base_sha, TaskGraph(tasks or (task(),)), (action,))


def planned(*tasks: Task) -> f.Planned:
    """The frozen plan of these tasks."""
    made = plan(*tasks)
    return f.Planned(made.digest, made)


def done(id_: str = "repair", attempt: int = 1, **evidence: str | int | float) -> f.TaskDone:
    """A task that brought a patch."""
    proof: dict[str, str | int | float] = {
        "test_before": "failed",
        "test_after": "passed",
        "command": "pytest",
        "seconds": 2,
    }
    return f.TaskDone(id_, attempt, "11" * 32, {**proof, **evidence})


def published(number: int = 8, head: str = HEAD) -> f.Published:
    """The open change."""
    return f.Published(
        number, "agent/issue-7-x", "main", head, "77" * 20, f"https://forge.test/octo/calc/pull/{number}"
    )


def judged(state: str = "approved", sha: str = HEAD, **changes: Any) -> f.Judged:
    """The gate's word on a head: approved by bob, or what `state` says."""
    word = {"approved": "pass", "pending": "pending", "blocked": "fail"}[state]
    made = f.Judged(
        sha=sha,
        base_sha=BASE,
        policy=POLICY,
        state=state,  # type: ignore[arg-type]
        checks="success",
        rules=(("tests are green", "pass", "succeeded: tests"), ("approved by a human", word, "because")),
        approvers=(BOB,) if state == "approved" else (),
        source="default",
    )
    return replace(made, **changes)


def merged(**changes: Any) -> f.Merged:
    """What landed."""
    return replace(f.Merged(HEAD, MERGED, True), **changes)


def zone_of(fact: f.Fact) -> Zone:
    """The zone that may sign this fact."""
    return next(zone for zone in Zone if f.may_sign(zone, type(fact).__name__))


def envelope(fact: f.Fact, version: int, *, zone: Zone | None = None, cause: str = "", stream: str = RUN) -> Envelope:
    """A fact in its envelope, encoded as the ledger does it; hashes and signatures are the ledger's own affair."""
    kind, body = f.encode(fact)
    return Envelope(
        id=f"e{version}",
        stream=stream,
        version=version,
        cause=cause or f"cause-{version}",
        clock=Clock(START_MS + version * 1000, 0),
        zone=zone or zone_of(fact),
        kind=kind,
        body=body,
        previous="0" * 64,
        hash="0" * 64,
        key="key",
        signature="",
    )


def envelopes(facts: Iterable[f.Fact], first: int = 1) -> list[Envelope]:
    """These facts as a stream."""
    return [envelope(fact, version) for version, fact in enumerate(facts, first)]


def run_of(*facts: f.Fact, **wanted: Any) -> Run:
    """A run after Requested and these facts; `wanted` changes the intent."""
    return fold(envelopes([f.Requested(intent(**wanted)), *facts]))


class Story:
    """The facts of the main job, up to each of its stations."""

    stored = f.SourceStored(BASE, "22" * 32)

    @property
    def drafted(self) -> list[f.Fact]:
        return [self.stored, f.TaskStarted("plan", 1), f.PlanDrafted(plan())]

    @property
    def planned(self) -> list[f.Fact]:
        return [*self.drafted, planned()]

    @property
    def solved(self) -> list[f.Fact]:
        return [*self.planned, f.TaskStarted("repair", 1), done()]

    @property
    def opened(self) -> list[f.Fact]:
        return [*self.solved, published()]

    @property
    def merged(self) -> list[f.Fact]:
        return [*self.opened, judged(), merged()]


STORY = Story()


def check(name: str = "tests", state: str = "success", source: str = "ci") -> Check:
    """A check of the head."""
    return Check(name, state, source)  # type: ignore[arg-type]


def label(by: str = BOB, name: str = "approved-by-human", at: float = 100.0) -> LabelSet:
    """A label on the change: bob's approval."""
    return LabelSet(name, by, at, "1", by_bot=by.lower().endswith("[bot]"))


def change(**changes: Any) -> Change:
    """The bot's open change of one file, with bob's approval on it."""
    made = Change(
        repo=REPO,
        number=8,
        title="Fix: add() subtracts",
        body="",
        author=BOT,
        state="open",
        branch="agent/issue-7-x",
        base="main",
        head_sha=HEAD,
        base_sha=BASE,
        draft=False,
        mergeable=True,
        files=("calc.py",),
        labels=(label(),),
        committers=(BOT,),
    )
    return replace(made, **changes)


def snapshot(
    *,
    checks: Sequence[Check] | None = None,
    roles: dict[str, Role] | None = None,
    stale: frozenset[str] = frozenset(),
    ours: bool = True,
    requester: str = ALICE,
    **changes: Any,
) -> Snapshot:
    """All that a decision may look at; `changes` are of the change."""
    return Snapshot(
        change=change(**changes),
        checks=(check(),) if checks is None else tuple(checks),
        roles={BOB: Role.WRITE, ALICE: Role.ADMIN} if roles is None else roles,
        bot=BOT,
        requester=requester,
        stale=stale,
        ours=ours,
    )


def policy(*rules: str) -> LoadedPolicy:
    """A policy of these rules, each what `requires:` holds in flow style, such as `checks: {}`."""
    rows = [f"  - {{name: rule {number}, requires: {{{rule}}}}}" for number, rule in enumerate(rules)]
    return load("\n".join(["version: 1", "rules:", *rows]), "test.yml")
