"""Pipelines as GitLab has them: a commit may have several, each with jobs and with statuses that others reported."""

from bot.devforge.model import CheckRun, Pipeline, Repository, Status, User
from bot.devforge.world import World

EXTERNAL = {"failure": "failed", "error": "failed"}
_QUIET = {"success", "skipped"}


def start(world: World, repo: Repository, sha: str, ref: str, source: str, by: User) -> Pipeline:
    """Make a pipeline, with nothing in it yet."""
    made = Pipeline(world.next_id(), len(repo.pipelines) + 1, sha, ref, source, by, world.now())
    repo.pipelines.append(made)
    return made


def newest_of(repo: Repository, sha: str) -> Pipeline | None:
    """Return the newest pipeline of a commit, if there is one."""
    return max((one for one in repo.pipelines if one.sha == sha), key=lambda one: one.id, default=None)


def rows(repo: Repository, pipeline: Pipeline, *, retried: bool = False) -> list[CheckRun | Status]:
    """Return what is in a pipeline, oldest first: of each name the newest, unless `retried` ones count."""
    found: list[CheckRun | Status] = [
        *(run for run in repo.checks if run.pipeline == pipeline.id),
        *(one for one in repo.statuses if one.pipeline == pipeline.id),
    ]
    found.sort(key=lambda one: one.id)
    return found if retried else list({name_of(one): one for one in found}.values())


def name_of(one: CheckRun | Status) -> str:
    return one.name if isinstance(one, CheckRun) else one.context


def state(one: CheckRun | Status) -> str:
    """Return how a job or a reported status stands, in GitLab's words."""
    if isinstance(one, CheckRun):
        return job_state(one.status, one.conclusion)
    return EXTERNAL.get(one.state, one.state)


def state_of(repo: Repository, pipeline: Pipeline) -> str:
    """Return how a pipeline stands: it has failed only when nothing of it is under way any more."""
    states = {state(one) for one in rows(repo, pipeline)}
    if not states:
        return "created"
    if states == {"skipped"}:
        return "skipped"
    if states <= _QUIET:
        return "success"
    if states <= {*_QUIET, "canceled"}:
        return "canceled"
    if states <= {"pending", "skipped"}:
        return "pending"
    return "running" if states & {"running", "pending"} else "failed"


def pipeline_of(repo: Repository, sha: str) -> str | None:
    """Return how the newest pipeline of a commit stands; None when there is none."""
    newest = newest_of(repo, sha)
    return state_of(repo, newest) if newest else None


def job_state(status: str, conclusion: str | None) -> str:
    """Return a check run's state as that of a job."""
    if status != "completed":
        return {"queued": "pending", "in_progress": "running"}.get(status, "pending")
    return "success" if conclusion == "success" else "skipped" if conclusion == "skipped" else "failed"
