"""Approving a change as GitLab has it: by a person, once, until it is taken back."""

from bot.devforge.acts import changes, history
from bot.devforge.acts.deed import Deed
from bot.devforge.model import Approval, Issue


def approve(deed: Deed, issue: Issue) -> bool:
    """Approve an open change; False when the person has approved it already or may not: authors do not count twice."""
    change = changes.part(issue)
    if issue.state != "open" or any(one.by is deed.by for one in change.approvals):
        return False
    change.approvals.append(Approval(deed.by, change.head_sha, deed.world.now()))
    history.note(deed, issue, "approved this merge request")
    changes.tell(deed, issue, {"action": "approved"})
    return True


def unapprove(deed: Deed, issue: Issue) -> bool:
    """Take an approval back; False when there is none."""
    change = changes.part(issue)
    left = [one for one in change.approvals if one.by is not deed.by]
    if len(left) == len(change.approvals):
        return False
    change.approvals = left
    history.note(deed, issue, "unapproved this merge request")
    changes.tell(deed, issue, {"action": "unapproved"})
    return True
