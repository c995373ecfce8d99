"""Webhook bodies as GitHub sends them, handed to the sender."""

from typing import Any

from bot.devforge.acts.deed import Deed
from bot.devforge.gitvalues import Commit, stamp
from bot.devforge.model import CheckRun, Comment, Issue, Label, Repository, Status
from bot.devforge.shapes import changes, checks, issues, people, repos
from bot.devforge.world import World

Json = dict[str, Any]


def send(deed: Deed, event: str, body: Json) -> None:
    """Add repository and sender to a body and queue it."""
    about = {"repository": repos.repository(deed.world, deed.repo), "sender": people.simple_user(deed.world, deed.by)}
    deed.world.emit(deed.repo, event, {**body, **about})


def issue(deed: Deed, one: Issue, action: str, label: Label | None = None) -> None:
    """Tell that an issue was opened, closed, reopened, edited, labeled or unlabeled."""
    body: Json = {"action": action, "issue": issues.issue(deed.world, deed.repo, one)}
    if label:
        body["label"] = issues.label(deed.world, deed.repo, label)
    send(deed, "issues", body)


def edited(deed: Deed, one: Issue, before: tuple[str, str]) -> None:
    """Tell that the title or the text of an issue was changed from what they were `before`."""
    now = {"title": (before[0], one.title), "body": (before[1], one.body)}
    was = {name: {"from": old} for name, (old, new) in now.items() if old != new}
    send(deed, "issues", {"action": "edited", "issue": issues.issue(deed.world, deed.repo, one), "changes": was})


def comment(deed: Deed, one: Issue, said: Comment, before: str | None) -> None:
    """Tell that a comment was created or, when it said something else `before`, edited."""
    body: Json = {
        "action": "created" if before is None else "edited",
        "issue": issues.issue(deed.world, deed.repo, one),
        "comment": issues.comment(deed.world, deed.repo, one, said),
    }
    if before is not None:
        body["changes"] = {"body": {"from": before}}
    send(deed, "issue_comment", body)


def change(deed: Deed, one: Issue, facts: changes.Facts, body: Json) -> None:
    """Tell what happened to a change; `body` has the action and what goes with it."""
    full = changes.full_change(deed.world, deed.repo, one, facts)
    send(deed, "pull_request", {"number": one.number, "pull_request": full, **body})


def check(world: World, repo: Repository, one: CheckRun, action: str) -> None:
    """Tell that a check run was created or completed."""
    run = checks.hook_check_run(world, repo, one)
    send(Deed(world, repo, world.bot(one.app)), "check_run", {"action": action, "check_run": run})


def status(world: World, repo: Repository, one: Status) -> None:
    """Tell that a commit status was set."""
    commit = repos.commit(world, repo, repo.git.commit(one.sha))
    tips = [ref.removeprefix("refs/heads/") for ref, sha in repo.git.refs("refs/heads/").items() if sha == one.sha]
    body = {
        "id": one.id,
        "sha": one.sha,
        "name": repo.full_name,
        "avatar_url": None,
        "target_url": one.target_url,
        "context": one.context,
        "description": one.description,
        "state": one.state,
        "commit": commit,
        "branches": [repos.short_branch(world, repo, name, one.sha) for name in tips],
        "created_at": stamp(one.created),
        "updated_at": stamp(one.created),
    }
    send(Deed(world, repo, one.creator), "status", body)


_NONE = "0" * 40


def push(deed: Deed, ref: str, old: str | None, new: str | None) -> None:
    """Tell that a branch or tag moved."""
    rows = (
        [_commit(deed.world, deed.repo, one) for one in reversed(deed.repo.git.log(new, old, limit=20))] if new else []
    )
    page = repos.html(deed.world, deed.repo)
    body = {
        "ref": ref,
        "before": old or _NONE,
        "after": new or _NONE,
        "base_ref": None,
        "compare": f"{page}/compare/{(old or _NONE)[:12]}...{(new or _NONE)[:12]}",
        "created": old is None,
        "deleted": new is None,
        "forced": bool(old and new and not deed.repo.git.is_ancestor(old, new)),
        "commits": rows,
        "head_commit": _commit(deed.world, deed.repo, deed.repo.git.commit(new)) if new else None,
        "pusher": {"name": deed.by.login, "email": deed.world.person(deed.by).email},
    }
    send(deed, "push", body)


def _commit(world: World, repo: Repository, one: Commit) -> Json:
    files = repo.git.names(one.parents[0] if one.parents else None, one.sha)
    person = {"author": one.author, "committer": one.committer}
    return {
        "id": one.sha,
        "tree_id": one.tree,
        "distinct": True,
        "message": one.message.rstrip("\n"),
        "timestamp": stamp(one.committer.at),
        "url": f"{repos.html(world, repo)}/commit/{one.sha}",
        **{key: {"name": who.name, "email": who.email} for key, who in person.items()},
        "added": [path for letter, path in files if letter == "A"],
        "removed": [path for letter, path in files if letter == "D"],
        "modified": [path for letter, path in files if letter not in "AD"],
    }
