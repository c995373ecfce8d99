"""The gate's report on a commit: a commit status, which GitLab lets "pipelines must succeed" wait for."""

from urllib.parse import quote

from bot.domain.change import GATE, GateReport
from bot.domain.errors import Invalid
from bot.forges.gitlab import wire as w
from bot.forges.gitlab.snapshots import login
from bot.forges.gitlab.texts import STATUS
from bot.forges.talking import Translated
from bot.forges.texts import cut_end

_STATES = {"pending": "pending", "success": "success", "failure": "failed"}


def statuses(wire: w.Wire, place: str, sha: str, **query: str) -> list[w.Status]:
    """List a commit's jobs and reported statuses, older ones too."""
    path = f"{place}/repository/commits/{quote(sha, safe='')}/statuses"
    return wire.list(path, w.Status, all="true", **query)


def show_status(wire: w.Wire, translated: Translated, place: str, sha: str, report: GateReport, me: str) -> None:
    """Set our commit status unless the newest one of ours says the same.

    GitLab refuses to set a waiting status to waiting again: then what it shows is looked at once more.
    """
    wanted = (_STATES[report.state], cut_end(report.title, STATUS))
    newest = _newest(wire, place, sha, me)
    if newest is not None and (newest.status, newest.description) == wanted:
        return
    try:
        with translated():
            said = {"state": wanted[0], "name": GATE, "description": wanted[1]}
            wire.write("post", f"{place}/statuses/{quote(sha, safe='')}", w.Status, **said)
    except Invalid:
        newest = _newest(wire, place, sha, me)
        if newest is None or newest.status != wanted[0]:
            raise


def _newest(wire: w.Wire, place: str, sha: str, me: str) -> w.Status | None:
    found = statuses(wire, place, sha, name=GATE)
    own = [one for one in found if one.name == GATE and login(one.author).lower() == me.lower()]
    return max(own, key=lambda one: one.id, default=None)


def comment(report: GateReport) -> str:
    """Return the comment that holds the table: a status has room for one line only."""
    return f"**{GATE}: {report.state}**\n\n{report.summary}"
