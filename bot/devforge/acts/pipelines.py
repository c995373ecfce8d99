"""How CI stands on a commit, in GitLab's words: jobs and reported statuses together."""

from bot.devforge.acts import changes
from bot.devforge.model import Repository

EXTERNAL = {"failure": "failed", "error": "failed"}


def pipeline_of(repo: Repository, sha: str) -> str | None:
    """Return how the pipeline of a commit stands (jobs and external statuses alike); None when there is none."""
    states = [job_state(run.status, run.conclusion) for run in changes.latest_checks(repo, sha)]
    newest = {(one.context, one.creator.login): one.state for one in repo.statuses if one.sha == sha}
    states += [EXTERNAL.get(state, state) for state in newest.values()]
    for word in ("failed", "canceled", "running", "pending"):
        if word in states:
            return word
    return "success" if states else None


def job_state(status: str, conclusion: str | None) -> str:
    """Return a check run's state as that of a job."""
    if status != "completed":
        return {"queued": "pending", "in_progress": "running"}.get(status, "pending")
    return "success" if conclusion == "success" else "skipped" if conclusion == "skipped" else "failed"
