"""Advance one run by one step. What to do is `next_step(run)`; here is how it is done."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from bot.domain import facts as f
from bot.domain import steps as s
from bot.domain.actions import ActionPlan
from bot.domain.errors import Denied, ForgeError, NotFound, PolicyError, Unavailable
from bot.domain.run import Run
from bot.policy.evaluate import protected_paths
from bot.ports import Job
from bot.services import land
from bot.services.books import ABANDONED, Performer, RunBook
from bot.services.deps import Broker
from bot.services.patch import NEVER
from bot.services.policies import policy_for
from bot.services.publish import publish
from bot.services.report import report

MAX_TASKS = 20
LONGEST_POLL_SECONDS = 900.0
SOURCE_LAG_SECONDS = 120.0
"""How long the base commit, which the forge named, may be missing from its git."""


@dataclass(frozen=True, slots=True)
class Advanced:
    """What is left to do: jobs to send, and when to look again (seconds since the epoch; None: only when poked)."""

    jobs: tuple[Job, ...]
    again: float | None


def advance(deps: Broker, run_id: str, renew: Callable[[], None]) -> Advanced:
    """Do the next step of a run.

    Raises Conflict when the run moved meanwhile and Unavailable when a forge cannot answer: the job is tried again.
    """
    book = RunBook(deps.ledger, deps.time, run_id, cause="advance")
    performer = Performer(renew)
    step = s.next_step(book.run)
    if isinstance(step, s.Wait | s.Rest | s.StartTasks):
        report(deps, book, performer)
    if isinstance(step, s.Wait | s.Rest):
        _abandon(book)
    again = _do(deps, book, performer, step)
    return Advanced(tuple(book.wished), again)


def _abandon(book: RunBook) -> None:
    """Give every effect that was begun on a way that the run has left (stopped, another head, no chat) its outcome."""
    if book.run.open_effects:
        book.record(*[f.EffectFailed(key, ABANDONED) for key in book.run.open_effects])


def _do(deps: Broker, book: RunBook, performer: Performer, step: s.Step) -> float | None:
    try:
        return _step(deps, book, performer, step)
    except Unavailable:
        raise
    except ForgeError as error:
        if isinstance(error, Denied) and isinstance(step, s.Wait | s.Judge | s.ShowVerdict | s.Merge):
            # The change is open and waits; a permission that is given back lets it go on where it stands.
            raise Unavailable(f"the forge refused: {error}") from error
        book.record(f.Failed("forge", f"the forge refused: {error}"[:1000]))
    except PolicyError as error:
        book.record(f.Failed("policy", str(error)[:1000]))
    return None


def _step(deps: Broker, book: RunBook, performer: Performer, step: s.Step) -> float | None:
    run = book.run
    match step:
        case s.StoreSource():
            _store_source(deps, book)
        case s.DraftPlan():
            _hand_over(deps, book, "plan")
        case s.FreezePlan():
            _freeze(deps, book)
        case s.StartTasks(tasks):
            for task in tasks:
                _hand_over(deps, book, task.id)
        case s.Publish(task):
            publish(deps, book, performer, task)
        case s.Judge():
            land.judge(deps, book)
        case s.ShowVerdict():
            land.show_verdict(deps, book, performer)
        case s.Merge():
            land.merge(deps, book, performer)
        case s.CloseIssue():
            land.close_issue(deps, book, performer)
        case s.GiveUp(code, reason):
            book.write(f.Failed(code, reason))
        case s.Wait():
            return _wait(deps, book, run)
        case s.Rest():
            pass
        case _:  # pragma: no cover - the type checker proves that nothing is left
            assert_never(step)
    return None


def _wait(deps: Broker, book: RunBook, run: Run) -> float | None:
    """Look again by the clock while a change is open: a webhook may have been lost."""
    if run.published is None:
        return None
    now = deps.time.now()
    due: float = run.looked_at + deps.poll_seconds * (1 << min(run.refusals, 6))
    if now < due:
        return due
    if run.merge_refused is not None:
        book.write(f.Woken("the clock"))
    else:
        land.glance(deps, book)
    return now + pause(now - run.looked_at, deps.poll_seconds)


def pause(waited: float, poll_seconds: float) -> float:
    """Return how long to wait with the next look at a change that brought no news for `waited` seconds.

    A look costs some ten requests, so a change that nobody cares for is looked at ever more seldom; webhooks wake it.
    """
    return max(poll_seconds, min(waited / 4, LONGEST_POLL_SECONDS))


def _store_source(deps: Broker, book: RunBook) -> None:
    intent = book.run.intent
    forge = deps.forge(intent.repo)
    sha = forge.head(intent.repo, intent.base) if book.run.generation > 1 else intent.base_sha
    try:
        tar = deps.git.snapshot(forge.remote(intent.repo, "read"), sha)
    except NotFound as error:
        if deps.time.now() - book.run.asked_at < SOURCE_LAG_SECONDS:
            raise Unavailable(f"the forge's git does not have the commit yet: {error}") from error
        raise
    book.write(f.SourceStored(sha, deps.artifacts.put(tar)))


def _hand_over(deps: Broker, book: RunBook, task: str) -> None:
    """Wish for a job of the agent zone; one that has it already finds nothing to do."""
    job = Job("execute", f"{book.run.id}/{task}/{book.run.generation}")
    deps.jobs.wish([job])
    book.wished.append(job)


def _freeze(deps: Broker, book: RunBook) -> None:
    """Freeze the plan; where the policy cannot be read nothing could be published, so nothing is tried."""
    run = book.run
    assert run.draft is not None
    policy = policy_for(deps, run)
    problem = _objection(run, run.draft)
    if problem:
        book.write(f.Failed("plan_refused", problem))
    else:
        book.write(f.Planned(run.draft.digest, run.draft, (*protected_paths(policy), *NEVER)))


def _objection(run: Run, plan: ActionPlan) -> str:
    """Say why a drafted plan may not be frozen; empty when it may."""
    assert run.source is not None
    if plan.run != run.id or plan.base_sha != run.source.base_sha:
        return "the plan was drafted for another run or another commit"
    if not 1 <= len(plan.graph.tasks) <= MAX_TASKS:
        return f"the plan has {len(plan.graph.tasks)} tasks; 1 to {MAX_TASKS} are accepted"
    repo = str(run.intent.repo)
    subjects = {repo, f"{repo}#{run.intent.issue}", f"{repo}@{run.intent.base}"}
    strange = [action for action in plan.actions if action.target not in subjects]
    if strange:
        return f"the plan would act on {strange[0].target[:200]}, which is not its subject"
    return ""
