"""Pipelines, their jobs, and commit statuses: what CI runs here, and what others report."""

from dataclasses import replace

from flask import Blueprint, Response, request

from bot.devforge.acts import news
from bot.devforge.acts import pipelines as acts
from bot.devforge.acts.checks import add_status
from bot.devforge.call import RepoCall, answer
from bot.devforge.gitlab import pipeline_shapes as shapes
from bot.devforge.gitlab.call import Fields, on_project, page
from bot.devforge.gitlab.refusals import Refusal, bad_request, forbidden, missing
from bot.devforge.gitlab.repository import commit_of
from bot.devforge.model import CheckRun, Pipeline, Status
from bot.domain.change import Role

room = Blueprint("gitlab-pipelines", __name__)
REPORTED = ("pending", "running", "success", "failed", "canceled", "skipped")
_EVENTS = {"pending": "enqueue", "running": "run", "success": "success", "failed": "drop", "canceled": "cancel"}
_LONGEST = 255
_RETRYABLE = ("failed", "canceled")


# --- statuses -------------------------------------------------------------------------------------------------------
@on_project(room, "GET", "/repository/commits/<ref>/statuses")
def statuses(call: RepoCall, ref: str) -> Response:
    """List jobs and reported statuses; without `all`, of each name in a pipeline the newest only."""
    sha, asked = commit_of(call, ref), request.args
    every = asked.get("all", "false").lower() in ("true", "1")
    found = [
        one
        for home in call.repo.pipelines
        if home.sha == sha and asked.get("ref") in (None, home.ref) and asked.get("pipeline_id") in (None, str(home.id))
        for one in acts.rows(call.repo, home, retried=every)
        if asked.get("name") in (None, acts.name_of(one))
    ]
    return page(sorted(found, key=lambda one: one.id), lambda one: shapes.status(call.world, call.repo, one))


@on_project(room, "POST", "/statuses/<ref>", Role.WRITE)
def report(call: RepoCall, ref: str) -> Response:
    """Report a status: the caller's own that waits or runs moves on, one that has ended is followed by another."""
    fields, sha = Fields(), commit_of(call, ref)
    wanted, name = fields.one_of("state", REPORTED), fields.text("name") or fields.text("context") or "default"
    words, target = fields.text("description"), fields.text("target_url") or None
    if len(words) > _LONGEST or len(name) > _LONGEST:
        field = "description" if len(words) > _LONGEST else "name"
        raise Refusal(400, "", {field: [f"is too long (maximum is {_LONGEST} characters)"]})
    home = _home(call, sha, fields)
    for place, old in reversed(list(enumerate(call.repo.statuses))):
        mine = old.creator is call.user and (old.pipeline, old.context) == (home.id, name)
        if mine and old.state in ("pending", "running"):
            _refuse_step(old.state, wanted)
            moved = replace(old, state=wanted, description=words or old.description, target_url=target)
            call.repo.statuses[place] = moved
            news.of(call.world).status(call.world, call.repo, moved)
            return answer(shapes.status(call.world, call.repo, moved), 201)
    made = Status(0, sha, name, wanted, words or None, target, call.deed.by, 0.0, pipeline=home.id)
    return answer(shapes.status(call.world, call.repo, add_status(call.world, call.repo, made)), 201)


def _refuse_step(was: str, wanted: str) -> None:
    """Raise for a state that the present one cannot be followed by."""
    if wanted == "pending" or wanted == was or (was, wanted) == ("running", "skipped"):
        event = _EVENTS.get(wanted, "skip")
        why = f'(Reason(s): Status cannot transition via "{event}")'
        raise Refusal(400, f"Cannot transition status via :{event} from :{was} {why}")


def _home(call: RepoCall, sha: str, fields: Fields) -> Pipeline:
    """Return the pipeline that a status goes into: the newest that fits, else one made for what comes from outside."""
    ref, number = fields.text("ref"), fields.text("pipeline_id")
    fitting = [
        one for one in call.repo.pipelines if one.sha == sha and ref in ("", one.ref) and number in ("", str(one.id))
    ]
    if fitting:
        return max(fitting, key=lambda one: one.id)
    if number:
        raise missing("Pipeline for pipeline_id, sha and ref")
    tips = call.repo.git.refs("refs/heads/")
    holding = (name for name, tip in tips.items() if call.repo.git.is_ancestor(sha, tip))
    ref = ref or next(holding, "").removeprefix("refs/heads/")
    if not ref:
        raise missing("References for commit")
    return acts.start(call.world, call.repo, sha, ref, "external", call.deed.by)


# --- pipelines ------------------------------------------------------------------------------------------------------
@on_project(room, "GET", "/pipelines")
def pipelines(call: RepoCall) -> Response:
    asked = request.args
    found = [
        one
        for one in call.repo.pipelines
        if asked.get("sha") in (None, one.sha)
        and asked.get("ref") in (None, one.ref)
        and asked.get("source") in (None, one.source)
        and asked.get("status") in (None, acts.state_of(call.repo, one))
    ]
    newest = sorted(found, key=lambda one: one.id, reverse=asked.get("sort", "desc") != "asc")
    return page(newest, lambda one: shapes.pipeline(call.world, call.repo, one))


def _pipeline(call: RepoCall, number: int) -> Pipeline:
    for one in call.repo.pipelines:
        if one.id == number:
            return one
    raise missing()


def _show(call: RepoCall, one: Pipeline, status: int = 200) -> Response:
    return answer(shapes.full_pipeline(call.world, call.repo, one), status)


@on_project(room, "GET", "/pipelines/<int:number>")
def pipeline(call: RepoCall, number: int) -> Response:
    return _show(call, _pipeline(call, number))


@on_project(room, "GET", "/pipelines/latest")
def latest(call: RepoCall) -> Response:
    ref = request.args.get("ref") or call.repo.default_branch
    found = acts.newest_of(call.repo, call.repo.git.branch(ref) or "")
    if found is None:
        raise forbidden()
    return _show(call, found)


@on_project(room, "POST", "/pipeline", Role.WRITE)
def make_pipeline(call: RepoCall) -> Response:
    """Run CI on a branch as it is now."""
    ref = Fields().need("ref")
    sha = call.repo.git.branch(ref)
    if sha is None:
        raise Refusal(400, "", {"base": ["Reference not found"]})
    made = acts.start(call.world, call.repo, sha, ref, "api", call.deed.by)
    if call.world.run_in(call.repo, made) is None:
        call.repo.pipelines.remove(made)
        raise Refusal(400, "", {"base": ["Missing CI config file"]})
    return _show(call, made, 201)


@on_project(room, "POST", "/pipelines/<int:number>/retry", Role.WRITE)
def retry_pipeline(call: RepoCall, number: int) -> Response:
    one = _pipeline(call, number)
    for run in acts.rows(call.repo, one):
        if isinstance(run, CheckRun) and acts.state(run) in _RETRYABLE:
            call.world.run_in(call.repo, one)
    return _show(call, one, 201)


@on_project(room, "GET", "/pipelines/<int:number>/jobs")
def jobs(call: RepoCall, number: int) -> Response:
    every = request.args.get("include_retried", "false").lower() in ("true", "1")
    found = [row for row in acts.rows(call.repo, _pipeline(call, number), retried=every) if isinstance(row, CheckRun)]
    return page(sorted(found, key=lambda one: -one.id), lambda one: shapes.job(call.world, call.repo, one))


# --- jobs -----------------------------------------------------------------------------------------------------------
def _job(call: RepoCall, number: int) -> CheckRun:
    for one in call.repo.checks:
        if one.id == number:
            return one
    raise missing()


@on_project(room, "GET", "/jobs/<int:number>")
def one_job(call: RepoCall, number: int) -> Response:
    return answer(shapes.job(call.world, call.repo, _job(call, number)))


@on_project(room, "GET", "/jobs/<int:number>/trace")
def trace(call: RepoCall, number: int) -> Response:
    return Response(_job(call, number).text or "", content_type="text/plain; charset=utf-8")


@on_project(room, "POST", "/jobs/<int:number>/retry", Role.WRITE)
def retry_job(call: RepoCall, number: int) -> Response:
    old = _job(call, number)
    if old.status != "completed":
        raise forbidden("Job is not retryable")
    made = call.world.run_in(call.repo, shapes.home_of(call.repo, old))
    if made is None:
        raise bad_request("there is no CI here")
    return answer(shapes.job(call.world, call.repo, made), 201)
