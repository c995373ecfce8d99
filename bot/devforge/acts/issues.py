"""Issues, comments, reactions and labels."""

import re
from collections.abc import Mapping

from bot.devforge.acts import changes, history, news
from bot.devforge.acts.deed import Deed
from bot.devforge.model import Comment, Issue, Label, Reaction, Thread
from bot.devforge.shapes import issues as shapes

_CLOSES = re.compile(r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+#(\d{1,9})\b", re.IGNORECASE)


def next_number(row: Mapping[int, Issue]) -> int:
    """Return the next number in a row: that of the issues, or that of the changes."""
    return max(row, default=0) + 1


def open_issue(deed: Deed, title: str, body: str) -> Issue:
    """Open an issue."""
    now = deed.world.now()
    issue = Issue(deed.world.next_id(), next_number(deed.repo.issues), title, body, deed.by, now, now)
    deed.repo.issues[issue.number] = issue
    news.of(deed.world).issue(deed, issue, "opened")
    return issue


def reword(deed: Deed, issue: Issue, words: tuple[str, str]) -> None:
    """Give an issue or a change this title and text; nothing happens when it has them already."""
    before = issue.title, issue.body
    if before == words:
        return
    (issue.title, issue.body), issue.updated = words, deed.world.now()
    if before[0] != words[0]:
        history.note(deed, issue, f"changed title from **{before[0]}** to **{words[0]}**")
    if issue.change:
        changes.tell(deed, issue, {"action": "edited", "changes": {}})
    else:
        news.of(deed.world).edited(deed, issue, before)


def set_state(deed: Deed, issue: Issue, state: str, commit: str | None = None) -> None:
    """Open or close an issue or a change; nothing happens when it is so already."""
    if issue.state == state:
        return
    if state == "closed":
        history.close(deed, issue, commit)
    else:
        history.reopen(deed, issue)
    action = issue.history[-1].kind
    if issue.change:
        changes.tell(deed, issue, {"action": action})
    else:
        news.of(deed.world).issue(deed, issue, action)


def named(text: str) -> list[int]:
    """Return the issues that a text names with a closing word, as in `Fixes #3`."""
    return sorted({int(match) for match in _CLOSES.findall(text)})


def close_named(deed: Deed, text: str, commit: str) -> None:
    """Close the issues that a merged text names with a closing word, as in `Fixes #3`."""
    for number in named(text):
        issue = deed.repo.issues.get(number)
        if issue and not issue.change:
            set_state(deed, issue, "closed", commit)


def say(deed: Deed, issue: Issue, body: str, *, internal: bool = False, thread: Thread | None = None) -> Comment:
    """Write a comment; GitLab's may be for members only, or belong to a thread."""
    now = deed.world.now()
    comment = Comment(deed.world.next_id(), deed.by, body, now, now, internal=internal, thread=thread)
    issue.comments.append(comment)
    issue.updated = now
    news.of(deed.world).comment(deed, issue, comment, None)
    return comment


def edit(deed: Deed, issue: Issue, comment: Comment, body: str) -> None:
    """Change the text of a comment."""
    before, comment.body, comment.updated = comment.body, body, deed.world.now()
    news.of(deed.world).comment(deed, issue, comment, before)


def react(deed: Deed, comment: Comment, content: str) -> tuple[Reaction, bool]:
    """Put a reaction on a comment once; the second value tells whether it is new."""
    for reaction in comment.reactions:
        if reaction.user is deed.by and reaction.content == content:
            return reaction, False
    reaction = Reaction(deed.world.next_id(), deed.by, content, deed.world.now())
    comment.reactions.append(reaction)
    return reaction, True


def add_label(deed: Deed, issue: Issue, name: str) -> None:
    """Put a label on an issue or change; one that is there already changes nothing."""
    label = deed.world.label(deed.repo, name)
    if label.name not in issue.labels:
        issue.labels.append(label.name)
        _labelled(deed, issue, label, "labeled")


def take_label(deed: Deed, issue: Issue, name: str) -> bool:
    """Take a label off; False when it was not on."""
    label = deed.repo.labels.get(name.lower())
    if label is None or label.name not in issue.labels:
        return False
    issue.labels.remove(label.name)
    _labelled(deed, issue, label, "unlabeled")
    return True


def _labelled(deed: Deed, issue: Issue, label: Label, action: str) -> None:
    history.record(deed, issue, action, label=label)
    if issue.change:
        changes.tell(deed, issue, {"action": action, "label": shapes.label(deed.world, deed.repo, label)})
    else:
        news.of(deed.world).issue(deed, issue, action, label)
