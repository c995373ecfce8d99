"""Checks of a commit: the jobs of its pipelines, and the statuses that people and programs reported on it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from bot.domain.change import Check, Repo
from bot.domain.errors import Invalid
from bot.forges.gitlab.shapes import Job, Pipeline, Status
from bot.forges.gitlab.snapshots import login
from bot.forges.gitlab.wire import Wire, part

State = Literal["pending", "success", "failure", "neutral"]
_WAITS = ("created", "waiting_for_resource", "preparing", "pending", "running", "canceling", "scheduled")
# Whatever GitLab adds later counts as failed until somebody decides otherwise.
_STATES: dict[str, State] = {"success": "success", "skipped": "neutral", **dict.fromkeys(_WAITS, "pending")}
_MOST_PIPELINES = 50


@dataclass(frozen=True, slots=True)
class Run:
    """A pipeline, and every try of its jobs."""

    pipeline: Pipeline
    jobs: Sequence[Job]

    @property
    def source(self) -> str:
        """What its jobs are told apart by from those of pipelines that somebody started with variables of their own."""
        kind = self.pipeline.source
        return "ci" if kind == "push" else f"ci/{kind}"


def statuses(wire: Wire, place: str, sha: str, **query: str) -> list[Status]:
    """List a commit's jobs and reported statuses, all of them.

    The short list would hide what somebody else has reported a status by the same name on.
    """
    return wire.list(f"{place}/repository/commits/{part(sha)}/statuses", Status, all="true", **query)


def runs(wire: Wire, repo: Repo, place: str, sha: str) -> list[Run]:
    """List a commit's pipelines, oldest first, with their jobs."""
    found = [one for one in wire.list(f"{place}/pipelines", Pipeline, sha=sha) if one.source != "external"]
    if len(found) > _MOST_PIPELINES:
        raise Invalid(f"{repo} has more than {_MOST_PIPELINES} pipelines on {sha}; that is too much to judge")
    found.sort(key=lambda one: one.id)
    # A job counts as tried again, too, when somebody reports a status by its name: so all tries are asked for.
    return [Run(one, wire.list(f"{place}/pipelines/{one.id}/jobs", Job, include_retried="true")) for one in found]


def checks_of(reported: Iterable[Status], ran: Sequence[Run]) -> tuple[Check, ...]:
    """Return the newest check per name and source.

    A job's source is `ci`, with the kind of its pipeline where that is no push. A reported status has its author's
    login, whatever it is called. A pipeline that made no job, as with a broken file, is a check itself.
    """
    newest: dict[tuple[str, str], Check] = {}
    for run in ran:
        for job in sorted(run.jobs, key=lambda job: job.id):
            state = _state(job.status, job.allow_failure)
            newest[job.name, run.source] = Check(job.name, state, run.source, "", job.web_url or "")
    if ran and not ran[-1].jobs:
        newest["pipeline", ran[-1].source] = Check("pipeline", _state(ran[-1].pipeline.status, False), ran[-1].source)
    jobs = {job.id for run in ran for job in run.jobs}
    for status in sorted(reported, key=lambda status: status.id):
        if status.id not in jobs:
            newest[status.name, login(status.author)] = _reported(status)
    return tuple(newest.values())


def _reported(status: Status) -> Check:
    return Check(
        name=status.name,
        state=_state(status.status, status.allow_failure),
        source=login(status.author),
        summary=status.description or "",
        url=status.target_url or "",
    )


def _state(word: str, may_fail: bool) -> State:
    """Return a state. What may fail says nothing unless it is green; what waits for a hand holds the pipeline up."""
    if word == "manual":
        return "neutral" if may_fail else "pending"
    state = _STATES.get(word, "failure")
    return "neutral" if may_fail and state == "failure" else state
