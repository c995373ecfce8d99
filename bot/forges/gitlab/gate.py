"""The gate's report on a commit: a commit status, which "pipelines must succeed" waits for, and a comment's table."""

from bot.domain.change import GATE, GateReport
from bot.domain.errors import Invalid
from bot.forges.addresses import same_login
from bot.forges.gitlab.checks import statuses
from bot.forges.gitlab.errors import translator
from bot.forges.gitlab.shapes import MergeRequest, Status
from bot.forges.gitlab.snapshots import login
from bot.forges.gitlab.texts import STATUS
from bot.forges.gitlab.wire import Wire, part
from bot.forges.texts import cut_end

_STATES = {"pending": "pending", "success": "success", "failure": "failed"}


def show_status(wire: Wire, place: str, sha: str, report: GateReport, *, me: str, change: MergeRequest | None) -> None:
    """Set our commit status unless the newest one of ours says the same where GitLab looks.

    What waits cannot be set to wait again, in other words neither; GitLab refuses that, and somebody may be faster.
    """
    state, line = _STATES[report.state], cut_end(report.title, STATUS)
    home = _home(change, sha)
    if _says(_newest(wire, place, sha, me), state, line, home):
        return
    try:
        with translator(lambda: wire.headers)():
            address = f"{place}/statuses/{part(sha)}"
            wire.write("post", address, Status, state=state, name=GATE, description=line, **home)
    except Invalid:
        newest = _newest(wire, place, sha, me)
        if newest is None or newest.status != state:
            raise


def comment(report: GateReport) -> str:
    """Return the comment that holds the table: a status has room for one line only."""
    return f"**{GATE}: {report.state}**\n\n{report.summary}"


def _home(change: MergeRequest | None, sha: str) -> dict[str, str]:
    """Return the pipeline that the status is to be in: GitLab takes or makes one of any branch that has the commit."""
    if change is None:
        return {}
    ours = change.head_pipeline
    if ours is None or ours.id is None or ours.sha != sha:
        return {"ref": change.source_branch}
    return {"pipeline_id": str(ours.id), **({"ref": ours.ref} if ours.ref else {})}


def _says(newest: Status | None, state: str, line: str, home: dict[str, str]) -> bool:
    if newest is None or newest.status != state:
        return False
    elsewhere = newest.pipeline_id is not None and home.get("pipeline_id", str(newest.pipeline_id))
    if elsewhere and elsewhere != str(newest.pipeline_id):
        return False
    return state == "pending" or newest.description == line


def _newest(wire: Wire, place: str, sha: str, me: str) -> Status | None:
    found = statuses(wire, place, sha, name=GATE)
    own = [one for one in found if one.name == GATE and same_login(login(one.author), me)]
    return max(own, key=lambda one: one.id, default=None)
