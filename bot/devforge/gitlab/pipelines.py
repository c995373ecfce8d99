"""Pipelines, their jobs, and commit statuses: what CI runs here, and what others report."""

from dataclasses import replace

from flask import Blueprint, Response, request

from bot.devforge.acts import changes, news
from bot.devforge.acts.checks import add_status
from bot.devforge.call import RepoCall, answer
from bot.devforge.gitlab import shapes
from bot.devforge.gitlab.call import Fields, on_project, page
from bot.devforge.gitlab.refusals import Refusal, missing
from bot.devforge.gitlab.repository import commit_of
from bot.devforge.gitvalues import stamp
from bot.devforge.model import CheckRun, Repository, Status
from bot.devforge.world import World
from bot.domain.change import Role

room = Blueprint("gitlab-pipelines", __name__)
REPORTED = ("pending", "running", "success", "failed", "canceled", "skipped")
EVENTS = {"pending": "enqueue", "running": "run", "success": "success", "failed": "drop", "canceled": "cancel"}
_LONGEST = 255


def found_for(repo: Repository, sha: str) -> list[str]:
    """Return the commit if it has a pipeline: there is one for each at most."""
    return [sha] if shapes.pipeline_of(repo, sha) else []


def pipeline_id(repo: Repository, sha: str) -> int:
    """Return a pipeline's number: that of the first thing in it."""
    return min((one.id for one in _rows(repo) if one.sha == sha), default=0)


def _rows(repo: Repository) -> list[CheckRun | Status]:
    return [*repo.checks, *repo.statuses]


def shape(call: RepoCall, sha: str) -> shapes.Json:
    """Write a pipeline."""
    number = pipeline_id(call.repo, sha)
    refs = [ref.removeprefix("refs/heads/") for ref, tip in call.repo.git.refs("refs/heads/").items() if tip == sha]
    return {
        "id": number,
        "iid": number,
        "project_id": call.repo.id,
        "sha": sha,
        "ref": refs[0] if refs else None,
        "status": shapes.pipeline_of(call.repo, sha),
        "source": "push" if any(run.sha == sha for run in call.repo.checks) else "external",
        "web_url": f"{shapes.html(call.world, call.repo)}/-/pipelines/{number}",
    }


def job(world: World, repo: Repository, one: CheckRun) -> shapes.Json:
    """Write a job."""
    return {
        "id": one.id,
        "name": one.name,
        "status": shapes.job_state(one.status, one.conclusion),
        "stage": "test",
        "ref": one.summary if one.status == "queued" else None,
        "allow_failure": False,
        "created_at": stamp(one.started),
        "started_at": stamp(one.started),
        "finished_at": stamp(one.completed) if one.completed else None,
        "user": shapes.user(world, world.ghost),
        "commit": shapes.commit(world, repo, repo.git.commit(one.sha)),
        "pipeline": {"id": pipeline_id(repo, one.sha), "sha": one.sha},
        "web_url": f"{shapes.html(world, repo)}/-/jobs/{one.id}",
    }


def status_of_job(world: World, repo: Repository, one: CheckRun) -> shapes.Json:
    """Write a job as the list of a commit's statuses does."""
    return {
        "id": one.id,
        "sha": one.sha,
        "ref": None,
        "status": shapes.job_state(one.status, one.conclusion),
        "name": one.name,
        "target_url": f"{shapes.html(world, repo)}/-/jobs/{one.id}",
        "description": None,
        "created_at": stamp(one.started),
        "allow_failure": False,
        "pipeline_id": pipeline_id(repo, one.sha),
        "author": shapes.user(world, world.ghost),
    }


def status(world: World, repo: Repository, one: Status) -> shapes.Json:
    """Write a status that somebody reported."""
    return {
        "id": one.id,
        "sha": one.sha,
        "ref": None,
        "status": shapes.EXTERNAL.get(one.state, one.state),
        "name": one.context,
        "target_url": one.target_url,
        "description": one.description,
        "created_at": stamp(one.created),
        "allow_failure": False,
        "pipeline_id": pipeline_id(repo, one.sha),
        "author": shapes.user(world, one.creator),
    }


@on_project(room, "GET", "/repository/commits/<ref>/statuses")
def statuses(call: RepoCall, ref: str) -> Response:
    sha, name = commit_of(call, ref), request.args.get("name")
    rows = [status_of_job(call.world, call.repo, run) for run in changes.latest_checks(call.repo, sha)]
    told = [one for one in call.repo.statuses if one.sha == sha]
    if request.args.get("all", "false").lower() not in ("true", "1"):
        told = list({one.context: one for one in told}.values())
    rows += [status(call.world, call.repo, one) for one in told]
    return page([row for row in rows if name in (None, row["name"])], lambda row: row)


@on_project(room, "POST", "/statuses/<ref>", Role.WRITE)
def report(call: RepoCall, ref: str) -> Response:
    """Report a status: one that waits or runs is moved on, one that has ended is followed by another."""
    fields, sha = Fields(), commit_of(call, ref)
    state, name = fields.one_of("state", REPORTED), fields.text("name") or fields.text("context") or "default"
    words, target = fields.text("description"), fields.text("target_url") or None
    if len(words) > _LONGEST:
        raise Refusal(400, "Description is too long (maximum is 255 characters)")
    rows = call.repo.statuses
    for place, old in reversed(list(enumerate(rows))):
        if (old.sha, old.context) == (sha, name) and old.state in ("pending", "running"):
            if old.state == state:
                raise Refusal(
                    400,
                    f"Cannot transition status via :{EVENTS.get(state, state)} from :{old.state} "
                    f'(Reason(s): Status cannot transition via "{EVENTS.get(state, state)}")',
                )
            rows[place] = replace(old, state=state, description=words or old.description, target_url=target)
            news.of(call.world).status(call.world, call.repo, rows[place])
            return answer(status(call.world, call.repo, rows[place]), 201)
    made = Status(0, sha, name, state, words or None, target, call.deed.by, 0.0)
    return answer(status(call.world, call.repo, add_status(call.world, call.repo, made)), 201)


@on_project(room, "GET", "/pipelines")
def pipelines(call: RepoCall) -> Response:
    wanted = request.args.get("sha")
    shas = {one.sha: None for one in _rows(call.repo) if wanted in (None, one.sha)}
    newest = sorted(shas, key=lambda sha: -pipeline_id(call.repo, sha))
    return page(newest, lambda sha: shape(call, sha))


def _sha(call: RepoCall, number: int) -> str:
    for one in _rows(call.repo):
        if pipeline_id(call.repo, one.sha) == number:
            return one.sha
    raise missing()


@on_project(room, "GET", "/pipelines/<int:number>")
def pipeline(call: RepoCall, number: int) -> Response:
    return answer(shape(call, _sha(call, number)))


@on_project(room, "GET", "/pipelines/<int:number>/jobs")
def jobs(call: RepoCall, number: int) -> Response:
    found = changes.latest_checks(call.repo, _sha(call, number))
    return page(found, lambda one: job(call.world, call.repo, one))


def _job(call: RepoCall, number: int) -> CheckRun:
    for one in call.repo.checks:
        if one.id == number:
            return one
    raise missing()


@on_project(room, "GET", "/jobs/<int:number>")
def one_job(call: RepoCall, number: int) -> Response:
    return answer(job(call.world, call.repo, _job(call, number)))


@on_project(room, "GET", "/jobs/<int:number>/trace")
def trace(call: RepoCall, number: int) -> Response:
    return Response(_job(call, number).text or "", content_type="text/plain; charset=utf-8")
