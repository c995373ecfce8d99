"""What GitLab's API writes of pipelines, jobs and commit statuses."""

from bot.devforge.acts.pipelines import job_state, name_of, rows, state, state_of
from bot.devforge.gitlab import shapes
from bot.devforge.gitvalues import stamp
from bot.devforge.model import CheckRun, Pipeline, Repository, Status
from bot.devforge.world import World

Json = shapes.Json


def pipeline(world: World, repo: Repository, one: Pipeline) -> Json:
    """Write a pipeline as lists do."""
    return {
        "id": one.id,
        "iid": one.iid,
        "project_id": repo.id,
        "sha": one.sha,
        "ref": one.ref,
        "status": state_of(repo, one),
        "source": one.source,
        "created_at": stamp(one.created),
        "updated_at": stamp(max([one.created, *(_ended(row) for row in rows(repo, one))])),
        "name": None,
        "web_url": f"{shapes.html(world, repo)}/-/pipelines/{one.id}",
    }


def _ended(row: CheckRun | Status) -> float:
    return (row.completed or row.started) if isinstance(row, CheckRun) else row.created


def full_pipeline(world: World, repo: Repository, one: Pipeline) -> Json:
    """Write a pipeline as its own address does."""
    runs = [row for row in rows(repo, one) if isinstance(row, CheckRun)]
    ended = [run.completed for run in runs if run.completed]
    over = bool(runs) and len(ended) == len(runs)
    return {
        **pipeline(world, repo, one),
        "before_sha": "0" * 40,
        "tag": False,
        "yaml_errors": None,
        "user": shapes.user(world, one.by),
        "started_at": stamp(min(run.started for run in runs)) if runs else None,
        "finished_at": stamp(max(ended)) if over else None,
        "duration": round(max(ended) - min(run.started for run in runs)) if over else None,
        "coverage": None,
        "archived": False,
    }


def job(world: World, repo: Repository, one: CheckRun) -> Json:
    """Write a job."""
    home = home_of(repo, one)
    word = job_state(one.status, one.conclusion)
    return {
        "id": one.id,
        "name": one.name,
        "status": word,
        "stage": "test",
        "ref": home.ref,
        "tag": False,
        "allow_failure": False,
        "created_at": stamp(one.started),
        "started_at": stamp(one.started),
        "finished_at": stamp(one.completed) if one.completed else None,
        "duration": one.completed - one.started if one.completed else None,
        "failure_reason": "script_failure" if word == "failed" else None,
        "user": shapes.user(world, home.by),
        "commit": shapes.commit(world, repo, repo.git.commit(one.sha)),
        "pipeline": {key: value for key, value in pipeline(world, repo, home).items() if key in _SHORT},
        "web_url": f"{shapes.html(world, repo)}/-/jobs/{one.id}",
    }


_SHORT = ("id", "project_id", "ref", "sha", "status")


def home_of(repo: Repository, one: CheckRun | Status) -> Pipeline:
    """Return the pipeline that something is in."""
    return next(each for each in repo.pipelines if each.id == one.pipeline)


def status(world: World, repo: Repository, one: CheckRun | Status) -> Json:
    """Write a job or a reported status as the list of a commit's statuses does: both alike."""
    home, job_of_ours = home_of(repo, one), isinstance(one, CheckRun)
    return {
        "id": one.id,
        "sha": one.sha,
        "ref": home.ref,
        "status": state(one),
        "name": name_of(one),
        "target_url": f"{shapes.html(world, repo)}/-/jobs/{one.id}" if isinstance(one, CheckRun) else one.target_url,
        "description": None if isinstance(one, CheckRun) else one.description,
        "created_at": stamp(one.started if isinstance(one, CheckRun) else one.created),
        "started_at": None,
        "finished_at": None,
        "allow_failure": False,
        "coverage": None,
        "pipeline_id": one.pipeline,
        "author": shapes.user(world, home.by if job_of_ours or not isinstance(one, Status) else one.creator),
    }
