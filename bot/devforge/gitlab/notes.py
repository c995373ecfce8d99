"""Notes on issues and merge requests, and the award emoji on them."""

from flask import Blueprint, Response, request

from bot.devforge.acts import issues as acts
from bot.devforge.call import RepoCall, answer
from bot.devforge.gitlab import news, shapes
from bot.devforge.gitlab.call import Fields, demand, on_project, page
from bot.devforge.gitlab.issues import PLACE, thing, writer
from bot.devforge.gitlab.quick import act_on
from bot.devforge.gitlab.refusals import Refusal, bad_request, forbidden, missing, unauthorized
from bot.devforge.model import Comment, Issue, Thread
from bot.domain.change import Role

room = Blueprint("gitlab-notes", __name__)
_LONGEST = 1_000_000
CONTENTS = {"thumbsup": "+1", "thumbsdown": "-1"}
FACES = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")
_FILTERS = {"all_notes": (True, False), "only_comments": (False,), "only_activity": (True,)}


def visible(call: RepoCall, one: Issue) -> list[Comment]:
    """Return the notes that the caller may see: those for members only take the Reporter role."""
    return [said for said in one.comments if not said.internal or call.role.at_least(Role.TRIAGE)]


def note_of(call: RepoCall, one: Issue, note_id: int) -> Comment:
    """Return a note that the caller may see; 404 when there is none."""
    for said in visible(call, one):
        if said.id == note_id:
            return said
    raise missing()


def write(call: RepoCall, one: Issue, fields: Fields, thread: Thread | None = None) -> Comment | None:
    """Write a note, after its quick actions; None when there is nothing else in it."""
    internal = fields.flag("internal") or fields.flag("confidential")
    if internal:
        demand(call, Role.TRIAGE)
    left = act_on(call, one, _words(fields))
    return acts.say(call.deed, one, left, internal=internal, thread=thread) if left.strip() else None


def _words(fields: Fields) -> str:
    body = fields.need("body")
    if len(body) > _LONGEST:
        raise bad_request('Note {:note=>["is too long (maximum is 1000000 characters)"]}')
    return body


def reworded(call: RepoCall, one: Issue, said: Comment, fields: Fields) -> Comment:
    """Change what a note says; only its author may."""
    writer(call)
    if call.user is not said.author or said.system:
        raise forbidden()
    acts.edit(call.deed, one, said, act_on(call, one, _words(fields)))
    return said


def removed(call: RepoCall, one: Issue, said: Comment) -> Response:
    """Delete a note: its author may, and a maintainer."""
    if call.user is not said.author:
        demand(call, Role.MAINTAIN)
    one.comments.remove(said)
    return answer(None, 204)


@on_project(room, "GET", f"{PLACE}/notes")
def notes(call: RepoCall, row: str, iid: int) -> Response:
    one = thing(call, row, iid)
    kinds = _FILTERS.get(request.args.get("activity_filter", "all_notes"), (True, False))
    seen = [said for said in visible(call, one) if said.system in kinds]
    found = sorted(seen, key=lambda said: said.id, reverse=request.args.get("sort", "desc") != "asc")
    return page(found, lambda said: shapes.note(call.world, call.repo, one, said))


@on_project(room, "POST", f"{PLACE}/notes")
def say(call: RepoCall, row: str, iid: int) -> Response:
    one = thing(call, row, iid)
    said = write(call, one, Fields())
    if said is None:
        return answer({"commands_changes": {}, "summary": ["Commands applied"]}, 202)
    return answer(shapes.note(call.world, call.repo, one, said), 201)


@on_project(room, "GET", f"{PLACE}/notes/<int:note_id>")
def note(call: RepoCall, row: str, iid: int, note_id: int) -> Response:
    one = thing(call, row, iid)
    return answer(shapes.note(call.world, call.repo, one, note_of(call, one, note_id)))


@on_project(room, "PUT", f"{PLACE}/notes/<int:note_id>")
def reword(call: RepoCall, row: str, iid: int, note_id: int) -> Response:
    one = thing(call, row, iid)
    said = reworded(call, one, note_of(call, one, note_id), Fields())
    return answer(shapes.note(call.world, call.repo, one, said))


@on_project(room, "DELETE", f"{PLACE}/notes/<int:note_id>")
def delete(call: RepoCall, row: str, iid: int, note_id: int) -> Response:
    one = thing(call, row, iid)
    return removed(call, one, note_of(call, one, note_id))


# --- award emoji ----------------------------------------------------------------------------------------------------
@on_project(room, "GET", f"{PLACE}/notes/<int:note_id>/award_emoji")
def awards(call: RepoCall, row: str, iid: int, note_id: int) -> Response:
    said = note_of(call, thing(call, row, iid), note_id)
    return page(said.reactions, lambda one: shapes.award(call.world, one, said))


@on_project(room, "POST", f"{PLACE}/notes/<int:note_id>/award_emoji")
def award(call: RepoCall, row: str, iid: int, note_id: int) -> Response:
    writer(call)
    one = thing(call, row, iid)
    said, name = note_of(call, one, note_id), Fields().need("name")
    content = CONTENTS.get(name, name)
    if content not in FACES:
        raise Refusal(404, "404 Award Emoji Name is not a valid emoji name Not Found")
    reaction, new = acts.react(call.deed, said, content)
    if not new:
        raise Refusal(404, "404 Award Emoji Name has already been taken Not Found")
    news.awarded(call.deed, one, said, reaction, "award")
    return answer(shapes.award(call.world, reaction, said), 201)


@on_project(room, "DELETE", f"{PLACE}/notes/<int:note_id>/award_emoji/<int:award_id>")
def take_back(call: RepoCall, row: str, iid: int, note_id: int, award_id: int) -> Response:
    one = thing(call, row, iid)
    said = note_of(call, one, note_id)
    reaction = next((each for each in said.reactions if each.id == award_id), None)
    if reaction is None:
        raise missing()
    if reaction.user is not call.user:
        raise unauthorized()
    said.reactions.remove(reaction)
    news.awarded(call.deed, one, said, reaction, "revoke")
    return answer(None, 204)
