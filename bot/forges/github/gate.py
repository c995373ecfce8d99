"""The gate's report on a commit: a check run, or a commit status for a credential that may not write check runs."""

from itertools import islice
from typing import Any

from github.CheckRun import CheckRun
from github.CommitStatus import CommitStatus
from github.PaginatedList import PaginatedList
from github.Repository import Repository

from bot.domain.change import GATE, GateReport
from bot.domain.errors import Denied, NotFound
from bot.forges.addresses import same_login
from bot.forges.github.errors import translated
from bot.forges.github.limits import STATUS, SUMMARY, TITLE
from bot.forges.texts import cut_end, cut_middle, same

_AT_MOST = 1000


def show_check_run(repository: Repository, sha: str, report: GateReport) -> bool:
    """Create or update our check run; False when this credential may not."""
    mine = f"{GATE}:{sha}"
    wanted = _check_run(report)
    try:
        with translated():
            runs = repository.get_commit(sha).get_check_runs(check_name=GATE)
            found = max((run for run in islice(runs, _AT_MOST) if run.external_id == mine), key=_id, default=None)
            if found is None:
                repository.create_check_run(GATE, sha, external_id=mine, **wanted)
            elif not _shows(found, wanted):
                found.edit(**wanted)
    except (Denied, NotFound):
        return False
    return True


def show_status(repository: Repository, sha: str, report: GateReport, login: str) -> None:
    """Set our commit status unless the newest one of ours says the same."""
    wanted = (report.state, cut_end(report.title, STATUS))
    with translated():
        own = (
            status
            for status in islice(statuses(repository, sha), _AT_MOST)
            if status.context == GATE and status.creator is not None and same_login(status.creator.login, login)
        )
        newest = max(own, key=_id, default=None)
        if newest is None or (newest.state, newest.description) != wanted:
            said = {"state": wanted[0], "description": wanted[1], "context": GATE}
            repository.requester.requestJsonAndCheck("POST", f"{repository.url}/statuses/{sha}", input=said)


def statuses(repository: Repository, sha: str) -> PaginatedList[CommitStatus]:
    """List a commit's statuses at the documented address; PyGithub's own method uses one that is not."""
    return PaginatedList(CommitStatus, repository.requester, f"{repository.url}/commits/{sha}/statuses", None)


def _check_run(report: GateReport) -> dict[str, Any]:
    output = {"title": cut_end(report.title, TITLE), "summary": cut_middle(report.summary, SUMMARY)}
    if report.state == "pending":
        return {"status": "in_progress", "output": output}
    return {"status": "completed", "conclusion": report.state, "output": output}


def _shows(run: CheckRun, wanted: dict[str, Any]) -> bool:
    output = wanted["output"]
    return (
        (run.status, run.conclusion) == (wanted["status"], wanted.get("conclusion"))
        and same(run.output.title or "", output["title"])
        and same(run.output.summary or "", output["summary"])
    )


def _id(thing: CheckRun | CommitStatus) -> int:
    return thing.id
