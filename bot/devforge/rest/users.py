"""Users, permissions and the rate limit."""

from flask import Blueprint, Response

from bot.devforge.call import Call, Problem, RepoCall, answer, not_found, on, on_repo
from bot.devforge.limits import budget, caller
from bot.devforge.shapes.people import private_user, public_user, simple_user
from bot.devforge.shapes.repos import permissions
from bot.domain.change import Role

room = Blueprint("users", __name__)


@on(room, "GET", "/user")
def me(call: Call) -> Response:
    if call.grant is not None and call.grant.installation is not None:
        raise Problem(403, call.grant.refusal)
    return answer(private_user(call.world, call.actor))


@on(room, "GET", "/users/<login>")
def user(call: Call, login: str) -> Response:
    found = call.world.users.get(login)
    if found is None:
        raise not_found()
    return answer(public_user(call.world, found))


@on(room, "GET", "/rate_limit")
def rate_limit(call: Call) -> Response:
    rate = budget(call.world, caller(call.world), spend=0)
    row = {"limit": rate.limit, "used": rate.used, "remaining": rate.remaining, "reset": rate.reset}
    return answer({"resources": {"core": row, "search": row}, "rate": row})


@on_repo(room, "GET", "/collaborators/<login>/permission")
def permission(call: RepoCall, login: str) -> Response:
    call.demand(Role.READ)
    found = call.world.users.get(login)
    if found is None:
        raise not_found()
    role = call.repo.role(found)
    coarse = {Role.MAINTAIN: "write", Role.TRIAGE: "read"}.get(role, role)
    who = {**simple_user(call.world, found), "role_name": str(role), "permissions": permissions(role)}
    return answer({"permission": str(coarse), "role_name": str(role), "user": who})
