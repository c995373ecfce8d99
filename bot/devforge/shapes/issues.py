"""Issues, comments, reactions, labels and what happened to them."""

from typing import Any, Literal
from urllib.parse import quote

from bot.devforge.gitvalues import stamp
from bot.devforge.model import Comment, Happened, Issue, Label, Reaction, Repository, User
from bot.devforge.shapes.people import app, nullable_user, simple_user
from bot.devforge.shapes.repos import html, root
from bot.devforge.world import World
from bot.domain.change import Role

Json = dict[str, Any]
CONTENTS = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")


def association(repo: Repository, user: User) -> Literal["OWNER", "COLLABORATOR", "NONE"]:
    """Write how somebody belongs to a repository."""
    if user.login == repo.owner.login:
        return "OWNER"
    return "COLLABORATOR" if repo.role(user).at_least(Role.TRIAGE) else "NONE"


def label(world: World, repo: Repository, one: Label) -> Json:
    """Write a `label`."""
    return {
        "id": one.id,
        "node_id": f"LA_{one.id}",
        "url": f"{root(world, repo)}/labels/{quote(one.name)}",
        "name": one.name,
        "description": one.description,
        "color": one.color,
        "default": False,
    }


def labels(world: World, repo: Repository, issue: Issue) -> list[Json]:
    """Write the labels of an issue."""
    return [label(world, repo, repo.labels[name.lower()]) for name in issue.labels]


def rollup(url: str, reactions: list[Reaction]) -> Json:
    """Write a `reaction-rollup`."""
    counts = {content: sum(r.content == content for r in reactions) for content in CONTENTS}
    return {"url": f"{url}/reactions", "total_count": len(reactions), **counts}


def reaction(world: World, one: Reaction) -> Json:
    """Write a `reaction`."""
    return {
        "id": one.id,
        "node_id": f"RE_{one.id}",
        "user": simple_user(world, one.user),
        "content": one.content,
        "created_at": stamp(one.created),
    }


def issue_page(world: World, repo: Repository, issue: Issue) -> str:
    """Return the page of an issue or change."""
    return f"{html(world, repo)}/{'pull' if issue.change else 'issues'}/{issue.number}"


def issue(world: World, repo: Repository, one: Issue) -> Json:
    """Write an `issue` (a change is one too)."""
    api = f"{root(world, repo)}/issues/{one.number}"
    body: Json = {
        "url": api,
        "repository_url": root(world, repo),
        "labels_url": f"{api}/labels{{/name}}",
        "comments_url": f"{api}/comments",
        "events_url": f"{api}/events",
        "timeline_url": f"{api}/timeline",
        "html_url": issue_page(world, repo, one),
        "id": one.id,
        "node_id": f"I_{one.id}",
        "number": one.number,
        "title": one.title,
        "user": simple_user(world, one.author),
        "labels": labels(world, repo, one),
        "state": one.state,
        "locked": False,
        "active_lock_reason": None,
        "assignee": None,
        "assignees": [],
        "milestone": None,
        "comments": len(one.comments),
        "created_at": stamp(one.created),
        "updated_at": stamp(one.updated),
        "closed_at": stamp(one.closed) if one.closed else None,
        "closed_by": nullable_user(world, one.closed_by),
        "author_association": association(repo, one.author),
        "body": one.body or None,
        "reactions": rollup(api, []),
        "performed_via_github_app": None,
    }
    if one.state == "closed":
        body["state_reason"] = "completed"
    if one.change:
        page = issue_page(world, repo, one)
        merged = one.change.merged_at
        body["draft"] = one.change.draft
        body["pull_request"] = {
            "url": f"{root(world, repo)}/pulls/{one.number}",
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "merged_at": stamp(merged) if merged else None,
        }
    return body


def comment(world: World, repo: Repository, on: Issue, one: Comment) -> Json:
    """Write an `issue-comment`."""
    url = f"{root(world, repo)}/issues/comments/{one.id}"
    return {
        "id": one.id,
        "node_id": f"IC_{one.id}",
        "url": url,
        "html_url": f"{issue_page(world, repo, on)}#issuecomment-{one.id}",
        "issue_url": f"{root(world, repo)}/issues/{on.number}",
        "user": simple_user(world, one.author),
        "created_at": stamp(one.created),
        "updated_at": stamp(one.updated),
        "author_association": association(repo, one.author),
        "body": one.body,
        "reactions": rollup(url, one.reactions),
        "performed_via_github_app": app(world, one.author.app) if one.author.app else None,
    }


def happened(world: World, repo: Repository, one: Happened) -> Json:
    """Write an issue event such as `labeled-issue-event` or `state-change-issue-event`."""
    body: Json = {
        "id": one.id,
        "node_id": f"E_{one.id}",
        "url": f"{root(world, repo)}/issues/events/{one.id}",
        "actor": simple_user(world, one.actor),
        "event": one.kind,
        "commit_id": one.commit,
        "commit_url": f"{root(world, repo)}/commits/{one.commit}" if one.commit else None,
        "created_at": stamp(one.at),
        "performed_via_github_app": app(world, one.actor.app) if one.actor.app else None,
    }
    if one.label:
        body["label"] = {"name": one.label.name, "color": one.label.color}
    if one.kind in ("closed", "reopened"):
        body["state_reason"] = None
    return body


def commented(world: World, repo: Repository, on: Issue, one: Comment) -> Json:
    """Write a `timeline-comment-event`."""
    who = simple_user(world, one.author)
    return {**comment(world, repo, on, one), "event": "commented", "actor": who}
