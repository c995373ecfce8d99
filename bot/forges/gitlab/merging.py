"""Merging one exact head on GitLab, and finding out what became of it."""

from bot.domain.errors import Denied, Invalid, Stale, Unavailable
from bot.forges.gitlab import shapes
from bot.forges.gitlab.errors import translator
from bot.forges.gitlab.snapshots import UNCHECKED
from bot.forges.gitlab.wire import Wire
from bot.forges.talking import told_to_wait


def merge(wire: Wire, path: str, sha: str, text: str, *, squash: bool) -> str:
    """Merge the head `sha` and return the commit that landed.

    After an unclear answer the change is read again: a merge that did happen is found, not repeated.
    """
    words = {"merge_commit_message": text, **({"squash_commit_message": text} if squash else {})}
    try:
        with translator(lambda: wire.headers)():
            wire.write("put", f"{path}/merge", shapes.Made, sha=sha, squash=squash, **words)
    except (Invalid, Stale, Unavailable) as error:  # GitLab says 405, 406, 409 or 422 for what it cannot merge
        landed = None if told_to_wait(error) else _landed(wire, path, sha)
        if landed is None:
            raise _why_not(wire, path, error) from error
        return landed
    landed = _landed(wire, path, sha)
    if landed is None:
        raise Unavailable("GitLab is still merging it")
    return landed


def _landed(wire: Wire, path: str, sha: str) -> str | None:
    """Return the commit on the target branch when this head was merged."""
    found = wire.get(path, shapes.MergeRequest)
    return found.landed if found.sha == sha else None


def _why_not(wire: Wire, path: str, error: Invalid | Stale | Unavailable) -> Exception:
    """Say why it was not merged: GitLab's own answer is hardly more than a number."""
    if isinstance(error, Unavailable):
        refused = "GitLab said 401: this account may not merge into that branch; give it the role that may"
        return Denied(refused) if _is_refusal(error) else error
    status = wire.get(path, shapes.MergeRequest).detailed_merge_status
    if status in UNCHECKED:
        return Unavailable(f"GitLab has not yet checked whether it can be merged ({status})")
    return Stale(f"{error} ({status.replace('_', ' ')})")


def _is_refusal(error: Unavailable) -> bool:
    """Tell whether this 401 is about the branch: of a token that ran out GitLab says so."""
    return getattr(error.__cause__, "response_code", None) == 401 and "invalid_token" not in str(error)
