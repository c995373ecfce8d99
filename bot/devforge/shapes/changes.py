"""Changes, which GitHub calls pull requests."""

from dataclasses import dataclass
from typing import Any

from bot.devforge.gitvalues import Commit, FileDiff, stamp
from bot.devforge.model import ChangePart, Issue, Repository, Review
from bot.devforge.shapes.issues import association, issue_page, labels
from bot.devforge.shapes.people import nullable_user, simple_user
from bot.devforge.shapes.repos import html, repository, root
from bot.devforge.world import World

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Facts:
    """What only git knows of a change."""

    commits: list[Commit]
    files: tuple[FileDiff, ...]
    mergeable: bool | None
    state: str


def _side(world: World, repo: Repository, ref: str, sha: str) -> Json:
    return {
        "label": f"{repo.owner.login}:{ref}",
        "ref": ref,
        "sha": sha,
        "user": simple_user(world, repo.owner),
        "repo": repository(world, repo),
    }


def change(world: World, repo: Repository, issue: Issue, part: ChangePart) -> Json:
    """Write a `pull-request-simple`."""
    url = f"{root(world, repo)}/pulls/{issue.number}"
    issue_url = f"{root(world, repo)}/issues/{issue.number}"
    page = issue_page(world, repo, issue)
    statuses = f"{root(world, repo)}/statuses/{part.head_sha}"
    urls = {
        "url": url,
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "issue_url": issue_url,
        "commits_url": f"{url}/commits",
        "review_comments_url": f"{url}/comments",
        "review_comment_url": f"{root(world, repo)}/pulls/comments{{/number}}",
        "comments_url": f"{issue_url}/comments",
        "statuses_url": statuses,
    }
    links = {
        "self": url,
        "html": page,
        "issue": issue_url,
        "comments": urls["comments_url"],
        "review_comments": urls["review_comments_url"],
        "review_comment": urls["review_comment_url"],
        "commits": urls["commits_url"],
        "statuses": statuses,
    }
    return {
        **urls,
        "_links": {name: {"href": href} for name, href in links.items()},
        "id": part.id,
        "node_id": f"PR_{part.id}",
        "number": issue.number,
        "state": issue.state,
        "locked": False,
        "title": issue.title,
        "user": simple_user(world, issue.author),
        "body": issue.body or None,
        "labels": labels(world, repo, issue),
        "milestone": None,
        "created_at": stamp(issue.created),
        "updated_at": stamp(issue.updated),
        "closed_at": stamp(issue.closed) if issue.closed else None,
        "merged_at": stamp(part.merged_at) if part.merged_at else None,
        "merge_commit_sha": part.merged_sha,
        "assignee": None,
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "head": _side(world, repo, part.head, part.head_sha),
        "base": _side(world, repo, part.base, part.base_sha),
        "author_association": association(repo, issue.author),
        "auto_merge": None,
        "draft": part.draft,
        "active_lock_reason": None,
    }


def full_change(world: World, repo: Repository, issue: Issue, facts: Facts) -> Json:
    """Write a `pull-request`."""
    if issue.change is None:
        raise ValueError(f"#{issue.number} is no change")
    part = issue.change
    return {
        **change(world, repo, issue, part),
        "merged": part.merged_at is not None,
        "mergeable": facts.mergeable,
        "rebaseable": facts.mergeable,
        "mergeable_state": facts.state,
        "merged_by": nullable_user(world, part.merged_by),
        "comments": len(issue.comments),
        "review_comments": 0,
        "maintainer_can_modify": False,
        "commits": len(facts.commits),
        "additions": sum(file.additions for file in facts.files),
        "deletions": sum(file.deletions for file in facts.files),
        "changed_files": len(facts.files),
    }


def minimal_change(world: World, repo: Repository, issue: Issue, part: ChangePart) -> Json:
    """Write a `pull-request-minimal`."""
    where = {"id": repo.id, "url": root(world, repo), "name": repo.name}
    return {
        "id": part.id,
        "number": issue.number,
        "url": f"{root(world, repo)}/pulls/{issue.number}",
        "head": {"ref": part.head, "sha": part.head_sha, "repo": where},
        "base": {"ref": part.base, "sha": part.base_sha, "repo": where},
    }


def review(world: World, repo: Repository, issue: Issue, one: Review) -> Json:
    """Write a `pull-request-review`."""
    page = f"{html(world, repo)}/pull/{issue.number}#pullrequestreview-{one.id}"
    url = f"{root(world, repo)}/pulls/{issue.number}"
    return {
        "id": one.id,
        "node_id": f"PRR_{one.id}",
        "user": simple_user(world, one.author),
        "body": one.body,
        "state": one.state,
        "commit_id": one.commit,
        "submitted_at": stamp(one.at),
        "html_url": page,
        "pull_request_url": url,
        "_links": {"html": {"href": page}, "pull_request": {"href": url}},
        "author_association": association(repo, one.author),
    }
