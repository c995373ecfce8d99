"""What happened to an issue or a change, line by line."""

from bot.devforge.acts.deed import Deed
from bot.devforge.model import Comment, Happened, Issue, Label


def record(deed: Deed, issue: Issue, kind: str, *, label: Label | None = None, commit: str | None = None) -> None:
    """Write a line of history."""
    issue.updated = deed.world.now()
    issue.history.append(Happened(deed.world.next_id(), kind, deed.by, issue.updated, label, commit))


def note(deed: Deed, issue: Issue, words: str) -> None:
    """Write it down as GitLab does, among the comments and in the name of who did it; nothing on GitHub."""
    if deed.world.dialect == "gitlab":
        now = deed.world.now()
        issue.comments.append(Comment(deed.world.next_id(), deed.by, words, now, now, system=True))


def close(deed: Deed, issue: Issue, commit: str | None = None) -> None:
    """Close an issue or change, by a commit where one did it, and write it down."""
    issue.state, issue.closed, issue.closed_by = "closed", deed.world.now(), deed.by
    record(deed, issue, "closed", commit=commit)


def reopen(deed: Deed, issue: Issue) -> None:
    """Open an issue or change again and write it down."""
    issue.state, issue.closed, issue.closed_by = "open", None, None
    record(deed, issue, "reopened")


def merged(deed: Deed, issue: Issue, commit: str) -> None:
    """Mark a change as merged by a commit, close it and write both down."""
    if issue.change is None:
        raise ValueError(f"#{issue.number} is no change")
    change = issue.change
    change.merged_at, change.merged_by, change.merged_sha = deed.world.now(), deed.by, commit
    record(deed, issue, "merged", commit=commit)
    close(deed, issue)
