"""Threads of notes: on issues to talk in, on merge requests to be resolved."""

import hashlib

from flask import Blueprint, Response

from bot.devforge.acts import changes
from bot.devforge.call import RepoCall, answer
from bot.devforge.gitlab import shapes
from bot.devforge.gitlab.call import Fields, demand, on_project, page
from bot.devforge.gitlab.issues import PLACE, thing
from bot.devforge.gitlab.merge_shapes import all_resolved
from bot.devforge.gitlab.notes import note_of, removed, reworded, visible, write
from bot.devforge.gitlab.refusals import Refusal, bad_request, missing
from bot.devforge.model import Comment, Issue, Thread
from bot.domain.change import Role

room = Blueprint("gitlab-discussions", __name__)
_POSITION = ("base_sha", "start_sha", "head_sha", "position_type")


def discussion_id(said: Comment) -> str:
    """Return the id of the discussion that a note is in; one that stands alone is its own."""
    return said.thread.id if said.thread else hashlib.sha1(f"note {said.id}".encode()).hexdigest()


def grouped(call: RepoCall, one: Issue) -> dict[str, list[Comment]]:
    """Return the notes by discussion, oldest first."""
    found: dict[str, list[Comment]] = {}
    for said in visible(call, one):
        found.setdefault(discussion_id(said), []).append(said)
    return found


def _shape(call: RepoCall, one: Issue, id_: str, notes: list[Comment]) -> shapes.Json:
    rows = [shapes.note(call.world, call.repo, one, said) for said in notes]
    return {"id": id_, "individual_note": notes[0].thread is None, "notes": rows}


def _find(call: RepoCall, one: Issue, id_: str) -> list[Comment]:
    notes = grouped(call, one).get(id_)
    if notes is None:
        raise missing("Discussion")
    return notes


@on_project(room, "GET", f"{PLACE}/discussions")
def listing(call: RepoCall, row: str, iid: int) -> Response:
    one = thing(call, row, iid)
    return page(list(grouped(call, one).items()), lambda item: _shape(call, one, *item))


@on_project(room, "GET", f"{PLACE}/discussions/<id_>")
def get(call: RepoCall, row: str, iid: int, id_: str) -> Response:
    one = thing(call, row, iid)
    return answer(_shape(call, one, id_, _find(call, one, id_)))


@on_project(room, "POST", f"{PLACE}/discussions")
def start(call: RepoCall, row: str, iid: int) -> Response:
    one, fields = thing(call, row, iid), Fields()
    position = fields.raw.get("position")
    if position is not None and (one.change is None or not _fits(position)):
        raise bad_request('Note {:position=>["is invalid"]}')
    thread = Thread(hashlib.sha1(f"thread {call.world.next_id()}".encode()).hexdigest(), position)
    said = write(call, one, fields, thread)
    if said is None:
        raise bad_request("Note can't be blank")
    return answer(_shape(call, one, thread.id, [said]), 201)


def _fits(position: object) -> bool:
    if not isinstance(position, dict) or not all(isinstance(position.get(name), str) for name in _POSITION):
        return False
    return bool(position.get("new_path") or position.get("old_path"))


@on_project(room, "POST", f"{PLACE}/discussions/<id_>/notes")
def reply(call: RepoCall, row: str, iid: int, id_: str) -> Response:
    """Add a note; one that stood alone becomes a thread by that."""
    one = thing(call, row, iid)
    first = _find(call, one, id_)[0]
    if first.system:
        raise bad_request("Discussion can not be replied to.")
    first.thread = first.thread or Thread(id_)
    said = write(call, one, Fields(), first.thread)
    if said is None:
        return answer({"commands_changes": {}, "summary": ["Commands applied"]}, 202)
    return answer(shapes.note(call.world, call.repo, one, said), 201)


@on_project(room, "PUT", f"{PLACE}/discussions/<id_>")
def settle(call: RepoCall, row: str, iid: int, id_: str) -> Response:
    one = thing(call, row, iid)
    notes = _find(call, one, id_)
    _resolve(call, one, notes[0], resolved=Fields().flag("resolved"))
    return answer(_shape(call, one, id_, notes))


@on_project(room, "PUT", f"{PLACE}/discussions/<id_>/notes/<int:note_id>")
def change_note(call: RepoCall, row: str, iid: int, id_: str, note_id: int) -> Response:
    one, fields = thing(call, row, iid), Fields()
    said = note_of(call, one, note_id)
    if discussion_id(said) != id_:
        raise missing()
    if fields.has("resolved"):
        _resolve(call, one, said, resolved=fields.flag("resolved"))
    else:
        reworded(call, one, said, fields)
    return answer(shapes.note(call.world, call.repo, one, said))


@on_project(room, "DELETE", f"{PLACE}/discussions/<id_>/notes/<int:note_id>")
def delete_note(call: RepoCall, row: str, iid: int, id_: str, note_id: int) -> Response:
    one = thing(call, row, iid)
    _find(call, one, id_)
    return removed(call, one, note_of(call, one, note_id))


def _resolve(call: RepoCall, one: Issue, said: Comment, *, resolved: bool) -> None:
    """Resolve a thread or open it again; when it was the last open one, the hooks hear of it."""
    if one.change is None or said.thread is None:
        raise Refusal(403, "403 Forbidden")
    if call.user is not one.author:
        demand(call, Role.WRITE)
    was = all_resolved(one)
    said.thread.resolved_by = call.user if resolved else None
    said.thread.resolved = call.world.now() if resolved else None
    if all_resolved(one) and not was:
        changes.tell(call.deed, one, {"action": "edited"})
