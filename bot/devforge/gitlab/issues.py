"""Issues, and what issues and merge requests have in common: notes, award emoji, label events."""

from flask import Blueprint, Response, request

from bot.devforge.acts import issues as acts
from bot.devforge.call import RepoCall, answer
from bot.devforge.gitlab import shapes
from bot.devforge.gitlab.call import Fields, demand, on_project, page
from bot.devforge.gitlab.quick import act_on
from bot.devforge.gitlab.refusals import Refusal, forbidden, missing
from bot.devforge.model import Comment, Issue
from bot.domain.change import Role

room = Blueprint("gitlab-issues", __name__)
PLACE = "/<any(issues, merge_requests):row>/<int:iid>"
_LONGEST = 1_000_000
CONTENTS = {"thumbsup": "+1", "thumbsdown": "-1"}
FACES = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")


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
    one = acts.open_issue(call.deed, fields.need("title"), fields.text("description"))
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
    acts.reword(call.deed, one, (fields.text("title", one.title), fields.text("description", one.body)))
    relabel(call, one, fields)
    reopen_or_close(call, one, fields)
    return answer(shapes.issue(call.world, call.repo, one))


# --- notes ----------------------------------------------------------------------------------------------------------
@on_project(room, "GET", f"{PLACE}/notes")
def notes(call: RepoCall, row: str, iid: int) -> Response:
    one = thing(call, row, iid)
    found = sorted(one.comments, key=lambda said: said.id, reverse=request.args.get("sort", "desc") != "asc")
    return page(found, lambda said: shapes.note(call.world, call.repo, one, said))


@on_project(room, "POST", f"{PLACE}/notes")
def say(call: RepoCall, row: str, iid: int) -> Response:
    writer(call)
    one = thing(call, row, iid)
    body = _words(Fields())
    rest = act_on(call, one, body)
    if not rest.strip():
        return answer({"commands_changes": {}, "summary": ["Commands applied"]}, 202)
    return answer(shapes.note(call.world, call.repo, one, acts.say(call.deed, one, rest)), 201)


def _words(fields: Fields) -> str:
    body = fields.need("body")
    if len(body) > _LONGEST:
        raise Refusal(400, "Note is too long (maximum is 1000000 characters)")
    return body


def _note(one: Issue, note_id: int) -> Comment:
    for said in one.comments:
        if said.id == note_id:
            return said
    raise missing()


@on_project(room, "GET", f"{PLACE}/notes/<int:note_id>")
def note(call: RepoCall, row: str, iid: int, note_id: int) -> Response:
    one = thing(call, row, iid)
    return answer(shapes.note(call.world, call.repo, one, _note(one, note_id)))


@on_project(room, "PUT", f"{PLACE}/notes/<int:note_id>")
def reword(call: RepoCall, row: str, iid: int, note_id: int) -> Response:
    writer(call)
    one = thing(call, row, iid)
    said = _note(one, note_id)
    if call.user is not said.author:
        raise forbidden()
    rest = act_on(call, one, _words(Fields()))
    acts.edit(call.deed, one, said, rest)
    return answer(shapes.note(call.world, call.repo, one, said))


@on_project(room, "DELETE", f"{PLACE}/notes/<int:note_id>")
def delete(call: RepoCall, row: str, iid: int, note_id: int) -> Response:
    one = thing(call, row, iid)
    said = _note(one, note_id)
    if call.user is not said.author:
        demand(call, Role.MAINTAIN)
    one.comments.remove(said)
    return answer(None, 204)


@on_project(room, "GET", f"{PLACE}/notes/<int:note_id>/award_emoji")
def awards(call: RepoCall, row: str, iid: int, note_id: int) -> Response:
    said = _note(thing(call, row, iid), note_id)
    return page(said.reactions, lambda one: shapes.award(call.world, one, said))


@on_project(room, "POST", f"{PLACE}/notes/<int:note_id>/award_emoji")
def award(call: RepoCall, row: str, iid: int, note_id: int) -> Response:
    writer(call)
    said = _note(thing(call, row, iid), note_id)
    name = Fields().need("name")
    content = CONTENTS.get(name, name)
    if content not in FACES:
        raise Refusal(404, "404 Award Emoji Name is not a valid emoji name Not Found")
    reaction, new = acts.react(call.deed, said, content)
    if not new:
        raise Refusal(404, "404 Award Emoji Name has already been taken Not Found")
    return answer(shapes.award(call.world, reaction, said), 201)


@on_project(room, "GET", f"{PLACE}/resource_label_events")
def label_events(call: RepoCall, row: str, iid: int) -> Response:
    one = thing(call, row, iid)
    found = [happened for happened in one.history if happened.kind in ("labeled", "unlabeled")]
    return page(found, lambda happened: shapes.label_event(call.world, one, happened))
