"""Issues, comments, reactions and labels."""

import re

from bot.devforge.acts import changes, news
from bot.devforge.model import Comment, Happened, Issue, Label, Reaction, Repository, User
from bot.devforge.shapes import issues as shapes
from bot.devforge.world import World

_CLOSES = re.compile(r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+#(\d{1,9})\b", re.IGNORECASE)


def next_number(repo: Repository) -> int:
    """Return the next number that issues and changes share."""
    return max(repo.issues, default=0) + 1


def record(
    world: World, issue: Issue, kind: str, by: User, *, label: Label | None = None, commit: str | None = None
) -> None:
    """Write a line of history."""
    issue.updated = world.now()
    issue.history.append(Happened(world.next_id(), kind, by, issue.updated, label, commit))


def open_issue(world: World, repo: Repository, title: str, body: str, by: User) -> Issue:
    """Open an issue."""
    now = world.now()
    issue = Issue(world.next_id(), next_number(repo), title, body, by, now, now)
    repo.issues[issue.number] = issue
    news.issue(world, repo, issue, "opened", by)
    return issue


def reword(world: World, repo: Repository, issue: Issue, words: tuple[str, str], by: User) -> None:
    """Give an issue or a change this title and text; nothing happens when it has them already."""
    before = issue.title, issue.body
    if before == words:
        return
    (issue.title, issue.body), issue.updated = words, world.now()
    if issue.change:
        changes.tell(world, repo, issue, {"action": "edited", "changes": {}}, by)
    else:
        news.edited(world, repo, issue, before, by)


def set_state(world: World, repo: Repository, issue: Issue, state: str, by: User, commit: str | None = None) -> None:
    """Open or close an issue or a change; nothing happens when it is so already."""
    if issue.state == state:
        return
    if state == "closed":
        issue.state, issue.closed, issue.closed_by = "closed", world.now(), by
    else:
        issue.state, issue.closed, issue.closed_by = "open", None, None
    action = "closed" if state == "closed" else "reopened"
    record(world, issue, action, by, commit=commit)
    if issue.change:
        changes.tell(world, repo, issue, {"action": action}, by)
    else:
        news.issue(world, repo, issue, action, by)


def close_named(world: World, repo: Repository, text: str, by: User, commit: str) -> None:
    """Close the issues that a merged text names with a closing word, as in `Fixes #3`."""
    for number in sorted({int(match) for match in _CLOSES.findall(text)}):
        issue = repo.issues.get(number)
        if issue and not issue.change:
            set_state(world, repo, issue, "closed", by, commit)


def say(world: World, repo: Repository, issue: Issue, body: str, by: User) -> Comment:
    """Write a comment."""
    now = world.now()
    comment = Comment(world.next_id(), by, body, now, now)
    issue.comments.append(comment)
    issue.updated = now
    news.comment(world, repo, issue, comment, None, by)
    return comment


def edit(world: World, repo: Repository, issue: Issue, comment: Comment, body: str, by: User) -> None:
    """Change the text of a comment."""
    before, comment.body, comment.updated = comment.body, body, world.now()
    news.comment(world, repo, issue, comment, before, by)


def react(world: World, comment: Comment, content: str, by: User) -> tuple[Reaction, bool]:
    """Put a reaction on a comment once; the second value tells whether it is new."""
    for reaction in comment.reactions:
        if reaction.user is by and reaction.content == content:
            return reaction, False
    reaction = Reaction(world.next_id(), by, content, world.now())
    comment.reactions.append(reaction)
    return reaction, True


def add_label(world: World, repo: Repository, issue: Issue, name: str, by: User) -> None:
    """Put a label on an issue or change; one that is there already changes nothing."""
    label = world.label(repo, name)
    if label.name not in issue.labels:
        issue.labels.append(label.name)
        _labelled(world, repo, issue, label, "labeled", by)


def take_label(world: World, repo: Repository, issue: Issue, name: str, by: User) -> bool:
    """Take a label off; False when it was not on."""
    label = repo.labels.get(name.lower())
    if label is None or label.name not in issue.labels:
        return False
    issue.labels.remove(label.name)
    _labelled(world, repo, issue, label, "unlabeled", by)
    return True


def _labelled(world: World, repo: Repository, issue: Issue, label: Label, action: str, by: User) -> None:
    record(world, issue, action, by, label=label)
    if issue.change:
        changes.tell(world, repo, issue, {"action": action, "label": shapes.label(world, repo, label)}, by)
    else:
        news.issue(world, repo, issue, action, by, label)
