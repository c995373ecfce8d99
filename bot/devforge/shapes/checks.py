"""Check runs and commit statuses."""

from typing import Any

from bot.devforge.gitvalues import stamp
from bot.devforge.model import CheckRun, Repository, Status
from bot.devforge.shapes.changes import minimal_change
from bot.devforge.shapes.people import app, simple_user
from bot.devforge.shapes.repos import html, minimal_repo, root
from bot.devforge.world import World

Json = dict[str, Any]


def check_run(world: World, repo: Repository, one: CheckRun) -> Json:
    """Write a `check-run`."""
    url = f"{root(world, repo)}/check-runs/{one.id}"
    page = f"{html(world, repo)}/runs/{one.id}"
    return {
        "id": one.id,
        "node_id": f"CR_{one.id}",
        "name": one.name,
        "head_sha": one.sha,
        "external_id": one.external_id,
        "url": url,
        "html_url": page,
        "details_url": one.details_url or page,
        "status": one.status,
        "conclusion": one.conclusion,
        "started_at": stamp(one.started),
        "completed_at": stamp(one.completed) if one.completed else None,
        "output": {
            "title": one.title,
            "summary": one.summary,
            "text": one.text,
            "annotations_count": len(one.annotations),
            "annotations_url": f"{url}/annotations",
        },
        "check_suite": {"id": suite_id(repo, one)},
        "app": app(world, one.app),
        "pull_requests": [
            minimal_change(world, repo, issue, issue.change)
            for issue in repo.changes.values()
            if issue.change and issue.state == "open" and issue.change.head_sha == one.sha
        ],
    }


def suite_id(repo: Repository, one: CheckRun) -> int:
    """Return the id of the suite: one per app and commit, named by its first run."""
    return min(run.id for run in repo.checks if run.sha == one.sha and run.app == one.app)


def hook_check_run(world: World, repo: Repository, one: CheckRun) -> Json:
    """Write a check run as webhooks carry it: with its whole suite."""
    body = check_run(world, repo, one)
    branch = next((ref for ref, sha in repo.git.refs("refs/heads/").items() if sha == one.sha), None)
    suite = {
        "id": body["check_suite"]["id"],
        "node_id": f"CS_{body['check_suite']['id']}",
        "head_branch": branch.removeprefix("refs/heads/") if branch else None,
        "head_sha": one.sha,
        "status": one.status,
        "conclusion": one.conclusion,
        "url": f"{root(world, repo)}/check-suites/{body['check_suite']['id']}",
        "before": None,
        "after": one.sha,
        "pull_requests": body["pull_requests"],
        "app": body["app"],
        "created_at": body["started_at"],
        "updated_at": body["completed_at"] or body["started_at"],
    }
    return {**body, "check_suite": suite}


def simple_status(world: World, repo: Repository, one: Status) -> Json:
    """Write a `simple-commit-status`."""
    return {
        "id": one.id,
        "node_id": f"SC_{one.id}",
        "state": one.state,
        "description": one.description,
        "context": one.context,
        "target_url": one.target_url,
        "avatar_url": None,
        "url": f"{root(world, repo)}/statuses/{one.sha}",
        "created_at": stamp(one.created),
        "updated_at": stamp(one.created),
    }


def status(world: World, repo: Repository, one: Status) -> Json:
    """Write a `status`."""
    return {**simple_status(world, repo, one), "creator": simple_user(world, one.creator)}


def newest(statuses: list[Status]) -> list[Status]:
    """Return the newest status per context, newest first."""
    latest = {one.context: one for one in sorted(statuses, key=lambda one: one.id)}
    return sorted(latest.values(), key=lambda one: -one.id)


def combined(world: World, repo: Repository, sha: str, rows: list[Status]) -> Json:
    """Write a `combined-commit-status` of the newest status per context."""
    states = {one.state for one in rows}
    state = "failure" if states & {"failure", "error"} else "success" if states == {"success"} else "pending"
    url = f"{root(world, repo)}/commits/{sha}"
    return {
        "state": state,
        "sha": sha,
        "total_count": len(rows),
        "statuses": [simple_status(world, repo, one) for one in rows],
        "repository": minimal_repo(world, repo),
        "commit_url": url,
        "url": f"{url}/status",
    }
