"""Check runs and commit statuses."""

import re
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, request

from bot.devforge.acts import changes
from bot.devforge.acts import checks as acts
from bot.devforge.call import Body, Problem, RepoCall, answer, invalid, not_found, on_repo, page, slice_page
from bot.devforge.model import CheckRun, Status
from bot.devforge.rest.repos import commit_of
from bot.devforge.shapes import checks as shapes
from bot.domain.change import Role

room = Blueprint("checks", __name__)
_STATUS = ("queued", "in_progress", "completed")
_CONCLUSIONS = ("action_required", "cancelled", "failure", "neutral", "success", "skipped", "timed_out")
_LONGEST = 65535


def _app(call: RepoCall) -> str:
    actor = call.demand(Role.WRITE)
    if actor.app is None:
        raise Problem(403, "You must authenticate via a GitHub App.")
    return actor.app


@on_repo(room, "POST", "/check-runs")
def create(call: RepoCall) -> Response:
    app, body = _app(call), Body("CheckRun")
    sha = call.repo.git.resolve(body.need("head_sha"))
    if sha is None or sha != body.text("head_sha"):
        raise Problem(422, f"No commit found for SHA: {body.text('head_sha')}")
    run = CheckRun(call.world.next_id(), sha, body.need("name"), app, call.world.now())
    _fill(call, run, body)
    acts.add_check(call.world, call.repo, run)
    return answer(shapes.check_run(call.world, call.repo, run), 201)


def _fill(call: RepoCall, run: CheckRun, body: Body) -> None:
    """Take over what the body says; a conclusion completes the run."""
    status = body.one_of("status", _STATUS, run.status)
    conclusion = body.one_of("conclusion", _CONCLUSIONS, "success") if body.has("conclusion") else None
    if status == "completed" and not (conclusion or run.conclusion):
        raise invalid("CheckRun", "conclusion", "missing_field")
    output = _output(body)
    run.name = body.text("name", run.name)
    run.external_id = body.text("external_id", run.external_id)
    run.details_url = body.text("details_url", run.details_url)
    if body.has("started_at"):
        run.started = _time(body, "started_at")
    if conclusion:
        run.status, run.conclusion = "completed", conclusion
        run.completed = _time(body, "completed_at") if body.has("completed_at") else call.world.now()
    elif status != "completed":
        run.status, run.conclusion, run.completed = status, None, None
    if output:
        run.title, run.summary, run.text = output["title"], output["summary"], output.get("text")
        run.annotations.extend(output.get("annotations") or [])


def _output(body: Body) -> dict[str, Any]:
    output: dict[str, Any] = body.get("output", dict, {})
    if not output:
        return {}
    for field in ("title", "summary"):
        if not isinstance(output.get(field), str):
            raise invalid("CheckRun", f"output.{field}", "missing_field")
    for field in ("summary", "text"):
        if len(output.get(field) or "") > _LONGEST:
            raise invalid("CheckRun", f"output.{field}", "invalid", f"Only {_LONGEST} characters are allowed")
    if len(output.get("annotations") or []) > 50:
        raise invalid("CheckRun", "output.annotations", "invalid", "no more than 50 annotations per request")
    return output


def _time(body: Body, field: str) -> float:
    try:
        return datetime.fromisoformat(body.text(field)).timestamp()
    except ValueError:
        raise invalid("CheckRun", field, "invalid") from None


def _run(call: RepoCall, run_id: int) -> CheckRun:
    for run in call.repo.checks:
        if run.id == run_id:
            return run
    raise not_found()


@on_repo(room, "GET", "/check-runs/<int:run_id>")
def get(call: RepoCall, run_id: int) -> Response:
    return answer(shapes.check_run(call.world, call.repo, _run(call, run_id)))


@on_repo(room, "PATCH", "/check-runs/<int:run_id>")
def update(call: RepoCall, run_id: int) -> Response:
    app, run = _app(call), _run(call, run_id)
    if run.app != app:
        raise Problem(403, "Invalid app_id - check run can only be modified by the GitHub App that created it.")
    was = run.status
    _fill(call, run, Body("CheckRun"))
    acts.check_moved(call.world, call.repo, run, was)
    return answer(shapes.check_run(call.world, call.repo, run))


@on_repo(room, "GET", "/commits/<path:ref>/check-runs")
def listing(call: RepoCall, ref: str) -> Response:
    sha = commit_of(call, ref)
    name, status = request.args.get("check_name"), request.args.get("status")
    every = [run for run in call.repo.checks if run.sha == sha]
    runs = every if request.args.get("filter") == "all" else changes.latest_checks(call.repo, sha)
    found = [run for run in runs if name in (None, run.name) and status in (None, run.status)]
    rows, headers = slice_page(found)
    body = {"total_count": len(found), "check_runs": [shapes.check_run(call.world, call.repo, run) for run in rows]}
    return answer(body, headers=headers)


@on_repo(room, "POST", "/statuses/<sha>", Role.WRITE)
def create_status(call: RepoCall, sha: str) -> Response:
    if not re.fullmatch(r"[0-9a-f]{40}", sha) or call.repo.git.resolve(sha) is None:
        raise Problem(422, f"No commit found for SHA: {sha}")
    body = Body("Status")
    state = body.one_of("state", ("error", "failure", "pending", "success"), "")
    description, target = body.text("description") or None, body.text("target_url") or None
    if description and len(description) > 140:
        raise invalid("Status", "description", "custom", "description is too long (maximum is 140 characters)")
    context = body.text("context", "default")
    made = acts.add_status(call.world, call.repo, Status(0, sha, context, state, description, target, call.actor, 0))
    return answer(shapes.status(call.world, call.repo, made), 201)


@on_repo(room, "GET", "/commits/<path:ref>/statuses")
def statuses(call: RepoCall, ref: str) -> Response:
    sha = commit_of(call, ref)
    found = [one for one in reversed(call.repo.statuses) if one.sha == sha]
    return page(found, lambda one: shapes.status(call.world, call.repo, one))


@on_repo(room, "GET", "/statuses/<path:ref>")
def statuses_at_the_old_address(call: RepoCall, ref: str) -> Response:
    """Answer what GitHub no longer describes and PyGithub still asks."""
    return statuses(call, ref)


@on_repo(room, "GET", "/commits/<path:ref>/status")
def combined(call: RepoCall, ref: str) -> Response:
    sha = commit_of(call, ref)
    rows = shapes.newest([one for one in call.repo.statuses if one.sha == sha])
    return answer(shapes.combined(call.world, call.repo, sha, rows))
