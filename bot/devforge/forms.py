"""What a person does on the pages: open an issue, comment, set a label, close."""

from flask import Blueprint, redirect, request, url_for
from werkzeug.exceptions import Forbidden, NotFound
from werkzeug.wrappers import Response as AnyResponse

from bot.devforge.acts import issues as acts
from bot.devforge.model import Issue
from bot.devforge.visits import Visit, page
from bot.domain.change import Role

room = Blueprint("forms", __name__)
PLACE = "/<any(issues, pull):row>/<int:number>"


def _demand(visit: Visit, role: Role) -> None:
    if not visit.may(role):
        raise Forbidden(f"{visit.user.login} needs the role {role} here and has {visit.role}.")


def _back(visit: Visit, issue: Issue) -> AnyResponse:
    view = "pages.change_page" if issue.change else "pages.issue_page"
    return redirect(url_for(view, owner=visit.repo.owner.login, name=visit.repo.name, number=issue.number), 303)


def _any(visit: Visit, row: str, number: int) -> Issue:
    issue = (visit.repo.changes if row == "pull" else visit.repo.issues).get(number)
    if issue is None:
        raise NotFound
    return issue


@page(room, "/issues", "POST")
def open_issue(visit: Visit) -> AnyResponse:
    """Open an issue."""
    title = request.form.get("title", "").strip()
    if not title:
        raise Forbidden("An issue needs a title.")
    return _back(visit, acts.open_issue(visit.deed, title, request.form.get("body", "")))


@page(room, f"{PLACE}/comments", "POST")
def say(visit: Visit, row: str, number: int) -> AnyResponse:
    """Comment on an issue or a change."""
    issue, text = _any(visit, row, number), request.form.get("body", "").replace("\r\n", "\n")
    if text.strip():
        acts.say(visit.deed, issue, text)
    return _back(visit, issue)


@page(room, f"{PLACE}/labels", "POST")
def label(visit: Visit, row: str, number: int) -> AnyResponse:
    """Set a label, or take one off."""
    _demand(visit, Role.TRIAGE)
    issue = _any(visit, row, number)
    wanted, gone = request.form.get("add", "").strip(), request.form.get("remove", "")
    if wanted:
        acts.add_label(visit.deed, issue, wanted[:50])
    if gone:
        acts.take_label(visit.deed, issue, gone)
    return _back(visit, issue)


@page(room, f"{PLACE}/state", "POST")
def state(visit: Visit, row: str, number: int) -> AnyResponse:
    """Close or reopen an issue, or close a change."""
    issue = _any(visit, row, number)
    if visit.user is not issue.author:
        _demand(visit, Role.TRIAGE)
    wanted = "closed" if issue.state == "open" else "open"
    if issue.change is None or (wanted == "closed" or issue.change.merged_at is None):
        acts.set_state(visit.deed, issue, wanted)
    return _back(visit, issue)
