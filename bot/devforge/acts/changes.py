"""Changes: opening them, following their branches, and what git says about them."""

from typing import Any

from bot.devforge.acts import history, news
from bot.devforge.acts.deed import Deed
from bot.devforge.gitvalues import Commit, FileDiff
from bot.devforge.model import ChangePart, CheckRun, Issue, Repository
from bot.devforge.shapes.changes import Facts
from bot.devforge.shapes.checks import newest

GOOD = ("success", "neutral", "skipped")


def tell(deed: Deed, issue: Issue, body: dict[str, Any]) -> None:
    """Send a `pull_request` webhook."""
    news.of(deed.world).change(deed, issue, facts(deed.repo, issue), body)


def part(issue: Issue) -> ChangePart:
    """Return what makes the issue a change; raises KeyError when it is none."""
    if issue.change is None:
        raise KeyError(issue.number)
    return issue.change


def open_change(deed: Deed, issue: Issue) -> None:
    """Put a change that the caller has built on the list."""
    deed.repo.changes[issue.number] = issue
    _point(deed, issue)
    tell(deed, issue, {"action": "opened"})


def _point(deed: Deed, issue: Issue) -> None:
    row = "pull" if deed.world.dialect == "github" else "merge-requests"
    deed.repo.git.force(f"refs/{row}/{issue.number}/head", part(issue).head_sha)


def follow(deed: Deed, branch: str, new: str | None) -> None:
    """Bring open changes from a branch up to date after it moved; a deleted branch closes them."""
    for issue in list(deed.repo.changes.values()):
        change = issue.change
        if change is None or issue.state != "open" or change.head != branch or change.head_sha == new:
            continue
        if new is None:
            history.close(deed, issue)
            tell(deed, issue, {"action": "closed"})
            continue
        before, change.head_sha = change.head_sha, new
        change.base_sha = deed.repo.git.branch(change.base) or change.base_sha
        issue.updated = deed.world.now()
        _point(deed, issue)
        history.note(deed, issue, _added(deed, before, new))
        tell(deed, issue, {"action": "synchronize", "before": before, "after": new})


def _added(deed: Deed, before: str, new: str) -> str:
    rows = deed.repo.git.log(new, before, limit=100)[::-1] if deed.world.dialect == "gitlab" else []
    listed = "".join(f"<li>{one.sha[:8]} - {one.message.partition(chr(10))[0]}</li>" for one in rows)
    return f"added {len(rows)} commit{'' if len(rows) == 1 else 's'}\n\n<ul>{listed}</ul>"


def absorb(deed: Deed, branch: str, tip: str) -> None:
    """Mark open changes as merged when their base branch has come to hold their head some other way."""
    for issue in list(deed.repo.changes.values()):
        change = issue.change
        if change is None or issue.state != "open" or change.base != branch:
            continue
        if deed.repo.git.is_ancestor(change.head_sha, tip):
            history.merged(deed, issue, tip)
            tell(deed, issue, {"action": "closed"})


def set_draft(deed: Deed, issue: Issue, draft: bool) -> None:
    """Mark a change as a draft or as ready; nothing happens when it is so already."""
    change = part(issue)
    if change.draft == draft:
        return
    change.draft = draft
    history.note(deed, issue, f"marked this merge request as **{'draft' if draft else 'ready'}**")
    tell(deed, issue, {"action": "converted_to_draft" if draft else "ready_for_review"})


def base_of(repo: Repository, change: ChangePart) -> str:
    """Return the commit that a change is compared with: where it left its base branch."""
    tip = change.base_sha if change.merged_at else repo.git.branch(change.base) or change.base_sha
    return repo.git.merge_base(tip, change.head_sha) or change.base_sha


def files(repo: Repository, issue: Issue) -> tuple[FileDiff, ...]:
    """Return what a change does to each file."""
    change = part(issue)
    return repo.git.diff(base_of(repo, change), change.head_sha)


def commits(repo: Repository, issue: Issue) -> list[Commit]:
    """Return the commits of a change, oldest first."""
    change = part(issue)
    return repo.git.log(change.head_sha, base_of(repo, change))[::-1]


def mergeable(repo: Repository, change: ChangePart) -> bool | None:
    """Tell whether a change merges without conflict; None once it is merged."""
    tip = repo.git.branch(change.base)
    if change.merged_at or tip is None:
        return None
    return repo.git.merge_tree(tip, change.head_sha) is not None


def facts(repo: Repository, issue: Issue) -> Facts:
    """Ask git about a change."""
    change = part(issue)
    fits = mergeable(repo, change)
    return Facts(commits(repo, issue), files(repo, issue), fits, _state(repo, change, fits))


def _state(repo: Repository, change: ChangePart, fits: bool | None) -> str:
    if fits is None:
        return "unknown"
    if not fits:
        return "dirty"
    if change.draft:
        return "draft"
    if unmet(repo, change):
        return "blocked"
    bad = [run for run in latest_checks(repo, change.head_sha) if run.conclusion not in GOOD]
    return "unstable" if bad else "clean"


def latest_checks(repo: Repository, sha: str) -> list[CheckRun]:
    """Return the newest check run per name and app on a commit, newest first."""
    latest = {(run.name, run.app): run for run in repo.checks if run.sha == sha}
    return sorted(latest.values(), key=lambda run: -run.id)


def unmet(repo: Repository, change: ChangePart) -> list[str]:
    """Return the required checks of the base branch that are not green on the head."""
    rule = repo.protected.get(change.base)
    if rule is None:
        return []
    runs = latest_checks(repo, change.head_sha)
    statuses = newest([one for one in repo.statuses if one.sha == change.head_sha])
    green: dict[str, bool] = {}
    for name, good in [
        *((run.name, run.conclusion in GOOD) for run in runs),
        *((one.context, one.state == "success") for one in statuses),
    ]:
        green[name] = green.get(name, True) and good
    return [name for name in rule.contexts if not green.get(name, False)]
