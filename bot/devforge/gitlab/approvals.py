"""Approvals of merge requests, as every tier has them: none is required, everybody who may merge can give one."""

from flask import Blueprint, Response

from bot.devforge.acts import approving, changes
from bot.devforge.call import RepoCall, answer
from bot.devforge.gitlab import shapes
from bot.devforge.gitlab.call import Fields, on_project
from bot.devforge.gitlab.issues import thing
from bot.devforge.gitlab.refusals import Refusal, missing, unauthorized
from bot.devforge.gitvalues import stamp
from bot.devforge.model import Issue
from bot.domain.change import Role

room = Blueprint("gitlab-approvals", __name__)
PLACE = "/merge_requests/<int:iid>"


def _show(call: RepoCall, one: Issue, status: int = 200) -> Response:
    given = changes.part(one).approvals
    mine = any(each.by is call.user for each in given)
    may = call.user is not None and call.role.at_least(Role.WRITE)
    people = [{"user": shapes.user(call.world, each.by), "approved_at": stamp(each.at)} for each in given]
    words = {"approved": bool(given), "user_has_approved": mine, "user_can_approve": may and not mine}
    return answer({"id": one.id, "iid": one.number, "approvals_required": 0, **words, "approved_by": people}, status)


@on_project(room, "GET", f"{PLACE}/approvals")
def approvals(call: RepoCall, iid: int) -> Response:
    return _show(call, thing(call, "merge_requests", iid))


@on_project(room, "POST", f"{PLACE}/approve", Role.WRITE)
def approve(call: RepoCall, iid: int) -> Response:
    one = thing(call, "merge_requests", iid)
    sha, head = Fields().text("sha"), changes.part(one).head_sha
    if sha and sha != head:
        raise Refusal(409, f"SHA does not match HEAD of source branch: {head}")
    if not approving.approve(call.deed, one):
        raise unauthorized()
    return _show(call, one, 201)


@on_project(room, "POST", f"{PLACE}/unapprove", Role.WRITE)
def unapprove(call: RepoCall, iid: int) -> Response:
    one = thing(call, "merge_requests", iid)
    if not approving.unapprove(call.deed, one):
        raise missing()
    return _show(call, one, 201)
