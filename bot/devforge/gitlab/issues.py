"""Issues, and what issues and merge requests have in common: labels, states and the events of both."""

from flask import Blueprint, Response, request

from bot.devforge.acts import issues as acts
from bot.devforge.call import RepoCall, answer
from bot.devforge.gitlab import shapes
from bot.devforge.gitlab.call import Fields, demand, on_project, page
from bot.devforge.gitlab.quick import act_on
from bot.devforge.gitlab.quick_lines import extract
from bot.devforge.gitlab.refusals import missing
from bot.devforge.model import Issue
from bot.domain.change import Role

room = Blueprint("gitlab-issues", __name__)
DRAFT = "Draft: "
PLACE = "/<any(issues, merge_requests):row>/<int:iid>"


def thing(call: RepoCall, row: str, iid: int) -> Issue:
    """Return an issue or a merge request; 404 when there is none."""
    found = (call.repo.issues if row == "issues" else call.repo.changes).get(iid)
    if found is None:
        raise missing()
    return found


def relabel(call: RepoCall, one: Issue, fields: Fields) -> None:
    """Set, add and take labels as the body says; this takes the Reporter role."""
    if not any(fields.has(name) for name in ("labels", "add_labels", "remove_labels")):
        return
    demand(call, Role.TRIAGE)
    if fields.has("labels"):
        wanted = fields.names("labels")
        for name in [name for name in one.labels if name not in wanted]:
            acts.take_label(call.deed, one, name)
        for name in wanted:
            acts.add_label(call.deed, one, name)
    for name in fields.names("add_labels"):
        acts.add_label(call.deed, one, name)
    for name in fields.names("remove_labels"):
        acts.take_label(call.deed, one, name)


def rename(call: RepoCall, one: Issue, fields: Fields) -> None:
    """Change title and description as the body says; the quick actions of a new description are done."""
    body = fields.text("description", one.body)
    left = act_on(call, one, body) if body != one.body else body
    title = fields.text("title", one.title)
    acts.reword(call.deed, one, (title.removeprefix(DRAFT) if one.change else title, left))


def reopen_or_close(call: RepoCall, one: Issue, fields: Fields) -> None:
    """Change the state as `state_event` says."""
    if fields.has("state_event"):
        wanted = fields.one_of("state_event", ("close", "reopen"))
        acts.set_state(call.deed, one, "closed" if wanted == "close" else "open")


def writer(call: RepoCall) -> None:
    """Demand a caller who may see this place."""
    demand(call, Role.READ)


def own_or(call: RepoCall, one: Issue, role: Role) -> None:
    """Demand that the caller wrote it, or has the role."""
    writer(call)
    if call.user is not one.author:
        demand(call, role)


@on_project(room, "GET", "/issues")
def listing(call: RepoCall) -> Response:
    wanted = {"opened": "open", "closed": "closed"}.get(request.args.get("state", ""))
    found = [one for one in call.repo.issues.values() if wanted in (None, one.state)]
    return page(sorted(found, key=lambda one: -one.number), lambda one: shapes.issue(call.world, call.repo, one))


@on_project(room, "POST", "/issues")
def create(call: RepoCall) -> Response:
    writer(call)
    fields = Fields()
    one = acts.open_issue(call.deed, fields.need("title"), extract(fields.text("description"))[0])
    if call.role.at_least(Role.TRIAGE):
        relabel(call, one, fields)
    act_on(call, one, fields.text("description"))
    return answer(shapes.issue(call.world, call.repo, one), 201)


@on_project(room, "GET", "/issues/<int:iid>")
def get(call: RepoCall, iid: int) -> Response:
    return answer(shapes.issue(call.world, call.repo, thing(call, "issues", iid)))


@on_project(room, "PUT", "/issues/<int:iid>")
def edit(call: RepoCall, iid: int) -> Response:
    one, fields = thing(call, "issues", iid), Fields()
    own_or(call, one, Role.TRIAGE)
    rename(call, one, fields)
    relabel(call, one, fields)
    reopen_or_close(call, one, fields)
    return answer(shapes.issue(call.world, call.repo, one))


@on_project(room, "GET", f"{PLACE}/resource_label_events")
def label_events(call: RepoCall, row: str, iid: int) -> Response:
    one = thing(call, row, iid)
    found = [happened for happened in one.history if happened.kind in ("labeled", "unlabeled")]
    return page(found, lambda happened: shapes.label_event(call.world, one, happened))


@on_project(room, "GET", f"{PLACE}/resource_state_events")
def state_events(call: RepoCall, row: str, iid: int) -> Response:
    one = thing(call, row, iid)
    merged = one.change is not None and one.change.merged_at is not None
    kinds = ("merged", "reopened") if merged else ("closed", "reopened")
    found = [happened for happened in one.history if happened.kind in kinds]
    return page(found, lambda happened: shapes.state_event(call.world, one, happened))
