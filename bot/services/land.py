"""From an open change to a merged one: look, judge, show, merge, compare, close."""

from bot.domain import facts as f
from bot.domain.change import Change, Ref, Role, Subject
from bot.domain.errors import Denied, ForgeError, Invalid, NotFound, PolicyError, Stale, Unavailable
from bot.domain.run import Run
from bot.domain.steps import verdict_digest
from bot.policy.evaluate import Snapshot, evaluate
from bot.policy.gate import permit_merge
from bot.services import messages
from bot.services.books import ABANDONED, Effect, Performer, RunBook
from bot.services.deps import Broker
from bot.services.policies import policy_of

LAG_SECONDS = 900.0
"""How long a forge's git may lag behind its API."""

Seen = f.Judged | f.HeadSeen | f.ChangeClosed | f.Merged


def judge(deps: Broker, book: RunBook) -> None:
    """Look at the change, and record what the gate says of its head, or that it has ended."""
    book.write(*_closing(book.run, _look(deps, book.run)))


def glance(deps: Broker, book: RunBook) -> None:
    """Look at the change by the clock; only news are recorded."""
    fact = _look(deps, book.run)
    if fact != book.run.judged:
        book.write(*_closing(book.run, fact))


def _closing(run: Run, fact: Seen) -> tuple[f.Fact, ...]:
    """Give a merge that was intended, and whose answer was never heard, its outcome together with what was found."""
    key = _merge_key(run.head)
    if isinstance(fact, f.Merged) and key in run.open_effects:
        return f.EffectDone(key, fact.merged_sha), fact
    return (fact,)


def _look(deps: Broker, run: Run) -> Seen:
    assert run.published is not None
    forge = deps.forge(run.intent.repo)
    change = forge.change(run.intent.repo, run.published.number)
    if change.state == "merged" and _may_be_ours(run):
        return _merged(deps, run, change.merged_sha or "")
    if change.state != "open":
        return f.ChangeClosed(change.number, "", change.state == "merged")
    if change.head_sha != run.head:
        return f.HeadSeen(change.head_sha, tuple(sorted(label.event for label in change.labels)))
    if change.base != run.published.base:
        return _blocked(change, _RETARGETED, f"it goes to {change.base}; set it back to {run.published.base}")
    try:
        return _verdict(deps, run, change)
    except PolicyError as error:
        return _blocked(change, "the policy can be read", f"{str(error)[:1000]}; mend the file on the target branch")


_RETARGETED = "the change goes to the branch that it was made for"


def _blocked(change: Change, rule: str, why: str) -> f.Judged:
    """Return a verdict without any policy: blocked until somebody mends the matter. The run goes on waiting."""
    return f.Judged(change.head_sha, change.base_sha, "", "blocked", "none", ((rule, "fail", why),), ())


def _may_be_ours(run: Run) -> bool:
    """Tell whether we tried to merge the present head and were never told that it was refused."""
    outcome = run.effects.get(_merge_key(run.head))
    return outcome is not None and (not outcome.startswith("failed ") or outcome == f"failed {ABANDONED}")


def _verdict(deps: Broker, run: Run, change: Change) -> f.Judged:
    """Judge by the policy of the target branch as it is now; what the change itself says of its base may be old."""
    assert run.published is not None
    repo, forge = run.intent.repo, deps.forge(run.intent.repo)
    base_sha = forge.head(repo, change.base)
    loaded = policy_of(deps, repo, base_sha)
    people = {label.by for label in change.labels if label.by}
    roles: dict[str, Role] = {who: forge.role(repo, who) for who in sorted(people)}
    snapshot = Snapshot(
        change=change,
        checks=forge.checks(repo, change.head_sha),
        roles=roles,
        bot=forge.whoami(),
        requester=run.intent.requester,
        stale=run.stale,
        ours=change.head_sha == run.published.head_sha,
    )
    verdict = evaluate(loaded, snapshot)
    return f.Judged(
        sha=verdict.sha,
        base_sha=base_sha,
        policy=verdict.policy,
        state=verdict.state,
        checks=verdict.checks,
        rules=tuple((rule.name, rule.state, _reason(rule.reason, rule.fix)) for rule in verdict.rules),
        approvers=verdict.approvers,
        labels=tuple(sorted(label.name for label in change.labels)),
        source=loaded.source,
    )


def _reason(reason: str, fix: str) -> str:
    return f"{reason}; {fix}" if fix else reason


def show_verdict(deps: Broker, book: RunBook, performer: Performer) -> None:
    """Show the present verdict as the check `journeyman/gate`; a refusal is noted and holds up nothing."""
    run = book.run
    assert run.judged is not None
    judged, digest = run.judged, verdict_digest(run)
    repo, forge, shown = run.intent.repo, deps.forge(run.intent.repo), messages.gate(judged)
    effect = Effect(run.report_key("gate"), "set_status", f"{repo}:{judged.sha}")
    try:
        performer.perform(book, effect, lambda: forge.set_gate(repo, judged.sha, shown))
    except Unavailable:
        raise
    except ForgeError:
        book.record(f.Reported("gate", digest, f.REFUSED))
    else:
        book.record(f.Reported("gate", digest, judged.sha))


def merge(deps: Broker, book: RunBook, performer: Performer) -> None:
    """Look once more; with the permit for exactly this head, merge it and compare what landed."""
    fresh = _look(deps, book.run)
    if fresh != book.run.judged:
        # What permits the merge stands in the ledger and on the forge before it: a newer verdict goes that way first.
        book.write(*_closing(book.run, fresh))
        return
    run = book.run
    assert run.published is not None
    assert isinstance(fresh, f.Judged)
    ref = Ref(run.intent.repo, run.published.number, fresh.sha)
    permit = permit_merge(ref, policy=fresh.policy, state=fresh.state, judged_sha=fresh.sha)
    effect = Effect(_merge_key(fresh.sha), "merge", f"{run.intent.repo}#{ref.number}@{fresh.sha}")
    forge, mark = deps.forge(run.intent.repo), Subject(run.intent.repo, "change", ref.number).mark
    message = "\n".join(["", *messages.trailers(run, forge.address(run.intent.requester), fresh.approvers)])
    title = f"{messages.change_title(run)} ({mark})"
    try:
        merged = performer.perform(book, effect, lambda: forge.merge(ref, permit, title=title, message=message))
    except (Stale, Invalid, Denied) as error:
        book.record(f.MergeRefused(fresh.sha, str(error)[:500]))
        return
    book.record(_merged(deps, book.run, merged))


def _merged(deps: Broker, run: Run, merged_sha: str) -> f.Merged:
    """Compare what landed; a forge may know of a merge some time before its git has the commit."""
    remote = deps.forge(run.intent.repo).remote(run.intent.repo, "read")
    try:
        landed, detail = deps.git.landed(remote, head_sha=run.head, merged_sha=merged_sha)
    except NotFound as error:
        if deps.time.now() - run.merge_tried_at < LAG_SECONDS:
            raise Unavailable(f"the forge's git does not have the merged commit yet: {error}") from error
        landed, detail = False, f"nobody can tell: the forge's git does not give the commit ({error})"[:500]
    return f.Merged(run.head, merged_sha, landed, detail)


def _merge_key(sha: str) -> str:
    return f"merge:{sha}"


def close_issue(deps: Broker, book: RunBook, performer: Performer) -> None:
    """Close the issue; one that is gone counts as closed."""
    intent = book.run.intent
    effect = Effect(f"close:{intent.issue}", "close_issue", f"{intent.repo}#{intent.issue}")
    try:
        performer.perform(book, effect, lambda: deps.forge(intent.repo).close_issue(intent.repo, intent.issue))
    except NotFound:
        book.record(f.IssueClosed(intent.issue))
        return
    book.record(f.IssueClosed(intent.issue))
