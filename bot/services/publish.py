"""From a proven patch to an open change: judge the patch as data, push it from a clone of our own, open the change."""

from bot.domain import facts as f
from bot.domain.errors import PatchRefused, Stale
from bot.domain.run import Run
from bot.policy.evaluate import protected_paths
from bot.policy.gate import Permit, permit_open
from bot.ports import CommitResult
from bot.services import messages
from bot.services.books import Effect, Performer, RunBook
from bot.services.deps import Broker
from bot.services.patch import PatchFacts, examine
from bot.services.policies import policy_for


def publish(deps: Broker, book: RunBook, performer: Performer, task: str) -> None:
    """Publish the patch of a task; a patch that is refused, or a branch that holds other commits, becomes a fact."""
    run = book.run
    assert run.planned is not None
    assert run.source is not None
    assert run.solution is not None
    gone = _gone(deps, run)
    if gone:
        book.write(f.Failed("change_moved", gone))
        return
    base_sha, patch = run.source.base_sha, deps.artifacts.get(run.solution.patch)
    policy = policy_for(deps, run)
    try:
        facts = examine(patch, protected_paths(policy))
        plan, approved = run.planned.digest, run.plan_is_approved
        permit = permit_open(run.intent.repo, plan=plan, approved=approved, policy=policy.digest)
        made = _push(deps, book, performer, base_sha, patch)
    except PatchRefused as error:
        book.write(f.PatchRefused(task, str(error)))
    except Stale as error:
        book.write(f.Failed("branch_taken", f"{run.branch} holds other commits: {error}"[:1000]))
    else:
        if run.intent.change is not None:
            _revised(deps, book, made, run.intent.change)
            return
        _open(deps, book, performer, made, facts, permit)


def _gone(deps: Broker, run: Run) -> str:
    """Say why there is no change left to revise; empty when there is, or when a new one is to be opened."""
    intent = run.intent
    if intent.change is None:
        return ""
    change = deps.forge(intent.repo).change(intent.repo, intent.change)
    if change.state != "open":
        return f"the change is {change.state}"
    if (change.branch, change.base) != (intent.base, intent.target):
        return "the change goes from another branch or to another one now"
    return ""


def _revised(deps: Broker, book: RunBook, made: CommitResult, number: int) -> None:
    """Record that the commit is on the change; the run that opened it hears of that from the forge."""
    intent = book.run.intent
    url = deps.forge(intent.repo).change(intent.repo, number).url
    book.record(f.Published(number, intent.base, intent.target, made.sha, made.tree, url))


def _push(deps: Broker, book: RunBook, performer: Performer, base_sha: str, patch: bytes) -> CommitResult:
    run, forge = book.run, deps.forge(book.run.intent.repo)
    remote = forge.remote(run.intent.repo, "write")

    def push() -> str:
        made = deps.git.commit_patch(
            remote,
            base_sha=base_sha,
            patch=patch,
            branch=run.branch,
            message=messages.commit_message(run, forge.address(run.intent.requester)),
            author=(deps.author[0], deps.author[1] or forge.address(forge.whoami())),
            date_epoch=run.planned_at,
            moves=run.intent.kind == "revise",
        )
        return f"{made.sha} {made.tree}"

    target = f"{run.intent.repo}:{run.branch}"
    effect = Effect(f"push:{run.branch}:{base_sha}", "push", target)
    try:
        sha, tree = performer.perform(book, effect, push).split()
    finally:
        forge.pushed(run.intent.repo)
    return CommitResult(sha, tree)


def _open(
    deps: Broker, book: RunBook, performer: Performer, made: CommitResult, facts: PatchFacts, permit: Permit
) -> None:
    run: Run = book.run
    intent, branch, forge = run.intent, run.branch, deps.forge(run.intent.repo)
    mail, title = forge.address(intent.requester), messages.change_title(run)
    body = messages.change_body(run, list(facts.files), facts.added, facts.removed, mail)
    assert run.planned is not None
    plan = run.planned.digest

    def open_it() -> int:
        return forge.ensure_change(
            intent.repo, branch=branch, base=intent.base, title=title, body=body, plan=plan, permit=permit
        ).number

    effect = Effect(f"change:{branch}", "open_change", f"{intent.repo}:{branch}")
    change = forge.change(intent.repo, int(performer.perform(book, effect, open_it)))
    book.record(f.Published(change.number, branch, intent.base, made.sha, made.tree, change.url))
