"""Labels of a repository and of its issues and changes."""

from flask import Blueprint, Response

from bot.devforge.acts import issues as acts
from bot.devforge.call import Body, Problem, RepoCall, answer, invalid, not_found, on_repo, page
from bot.devforge.model import Issue
from bot.devforge.rest.issues import issue_of
from bot.devforge.shapes import issues as shapes
from bot.domain.change import Role

room = Blueprint("labels", __name__)


@on_repo(room, "GET", "/labels")
def listing(call: RepoCall) -> Response:
    return page(list(call.repo.labels.values()), lambda one: shapes.label(call.world, call.repo, one))


@on_repo(room, "POST", "/labels", Role.WRITE)
def create(call: RepoCall) -> Response:
    body = Body("Label")
    name = body.need("name")
    if name.lower() in call.repo.labels:
        raise invalid("Label", "name", "already_exists")
    label = call.world.label(call.repo, name)
    label.color = body.text("color", label.color).removeprefix("#")
    label.description = body.text("description")
    return answer(shapes.label(call.world, call.repo, label), 201)


@on_repo(room, "GET", "/labels/<path:label>")
def get(call: RepoCall, label: str) -> Response:
    found = call.repo.labels.get(label.lower())
    if found is None:
        raise not_found()
    return answer(shapes.label(call.world, call.repo, found))


def _names() -> list[str]:
    body = Body("Label")
    rows = body.raw if isinstance(body.raw, list) else body.get("labels", list, [])
    names = [row.get("name") if isinstance(row, dict) else row for row in rows]
    if not all(isinstance(name, str) and name.strip() for name in names):
        raise invalid("Label", "name", "invalid")
    return [str(name) for name in names]


def _all(call: RepoCall, issue: Issue) -> Response:
    return answer(shapes.labels(call.world, call.repo, issue))


@on_repo(room, "GET", "/issues/<int:number>/labels")
def on_issue(call: RepoCall, number: int) -> Response:
    issue = issue_of(call, number)
    return page(issue.labels, lambda name: shapes.label(call.world, call.repo, call.repo.labels[name.lower()]))


@on_repo(room, "POST", "/issues/<int:number>/labels", Role.TRIAGE)
def add(call: RepoCall, number: int) -> Response:
    issue = issue_of(call, number)
    for name in _names():
        acts.add_label(call.deed, issue, name)
    return _all(call, issue)


@on_repo(room, "PUT", "/issues/<int:number>/labels", Role.TRIAGE)
def replace(call: RepoCall, number: int) -> Response:
    issue, names = issue_of(call, number), _names()
    keep = {name.lower() for name in names}
    for gone in [name for name in issue.labels if name.lower() not in keep]:
        acts.take_label(call.deed, issue, gone)
    for name in names:
        acts.add_label(call.deed, issue, name)
    return _all(call, issue)


@on_repo(room, "DELETE", "/issues/<int:number>/labels", Role.TRIAGE)
def clear(call: RepoCall, number: int) -> Response:
    issue = issue_of(call, number)
    for name in list(issue.labels):
        acts.take_label(call.deed, issue, name)
    return answer(None, 204)


@on_repo(room, "DELETE", "/issues/<int:number>/labels/<path:label>", Role.TRIAGE)
def take(call: RepoCall, number: int, label: str) -> Response:
    issue = issue_of(call, number)
    if not acts.take_label(call.deed, issue, label):
        raise Problem(404, "Label does not exist")
    return _all(call, issue)
