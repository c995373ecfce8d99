"""Users, the caller's own token, and the members of projects."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from flask import Blueprint, Response, request

from bot.devforge.call import Call, RepoCall, answer
from bot.devforge.gitlab import shapes
from bot.devforge.gitlab.call import Fields, on, on_project, page
from bot.devforge.gitlab.credentials import ANY, PEOPLE, ROTATING, shown
from bot.devforge.gitlab.refusals import bad_request, forbidden, missing, unauthorized
from bot.devforge.gitvalues import stamp
from bot.devforge.model import Token, User
from bot.domain.change import Role

room = Blueprint("gitlab-people", __name__)
_WEEK, _YEAR = timedelta(days=7), timedelta(days=365)


@on(room, "GET", "/user", PEOPLE)
def me(call: Call) -> Response:
    if call.user is None:
        raise unauthorized()
    return answer(shapes.own_user(call.world, call.user))


@on(room, "GET", "/users", PEOPLE)
def users(call: Call) -> Response:
    wanted = request.args.get("username", "").lower()
    if call.user is None and not wanted:
        raise forbidden("Not authorized to access /api/v4/users")
    found = [one for one in call.world.users.values() if (one.login.lower() == wanted if wanted else one.is_account)]
    return page(sorted(found, key=lambda one: -one.id), lambda one: shapes.user(call.world, one))


@on(room, "GET", "/users/<int:user_id>", PEOPLE)
def user(call: Call, user_id: int) -> Response:
    for one in call.world.users.values():
        if one.id == user_id and one.is_account:
            return answer(shapes.full_user(call.world, one))
    raise missing("User")


# --- the token of the request ---------------------------------------------------------------------------------------
def token_shape(one: Token, now: float) -> shapes.Json:
    """Write a token; its value is not in it."""
    return {
        "id": one.id,
        "name": one.name,
        "revoked": one.revoked,
        "created_at": stamp(one.created),
        "description": None,
        "scopes": list(one.scopes),
        "user_id": one.user.id,
        "last_used_at": stamp(now),
        "active": one.good(now),
        "expires_at": one.expires,
    }


def _own(call: Call) -> Token:
    token = shown(call.world)
    if token is None:
        raise unauthorized()
    if token.kind != "personal":
        raise bad_request("This endpoint requires token type to be a personal access token")
    return token


@on(room, "GET", "/personal_access_tokens/self", ANY)
def token_of_mine(call: Call) -> Response:
    return answer(token_shape(_own(call), call.world.now()))


@on(room, "DELETE", "/personal_access_tokens/self", ANY)
def revoke(call: Call) -> Response:
    old = _own(call)
    call.world.tokens[old.value] = replace(old, revoked=True)
    return answer(None, 204)


@on(room, "POST", "/personal_access_tokens/self/rotate", ROTATING)
def rotate(call: Call) -> Response:
    """Give a new token for this one, which ends at once; a week long when nothing else is said."""
    old, today = _own(call), datetime.fromtimestamp(call.world.now(), tz=UTC).date()
    expires = _day(Fields().text("expires_at") or (today + _WEEK).isoformat())
    if not today < expires <= today + _YEAR:
        raise bad_request(f"expires_at must lie between tomorrow and {today + _YEAR}")
    call.world.tokens[old.value] = replace(old, revoked=True)
    new = call.world.token(old.user, None, old.access)
    new = replace(new, name=old.name, scopes=old.scopes, expires=expires.isoformat())
    call.world.tokens[new.value] = new
    return answer({**token_shape(new, call.world.now()), "token": new.value})


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise bad_request("expires_at is invalid") from None


# --- members --------------------------------------------------------------------------------------------------------
@on_project(room, "GET", "/members/all")
def members(call: RepoCall) -> Response:
    ids = {int(part) for part in request.args.get("user_ids", "").split(",") if part.isdigit()}
    words = request.args.get("query", "").lower()
    found = [one for one in _members(call) if (not ids or one.id in ids) and words in one.login.lower()]
    return page(found, lambda one: shapes.member(call.world, call.repo, one))


@on_project(room, "GET", "/members")
def direct_members(call: RepoCall) -> Response:
    return members(call)


@on_project(room, "GET", "/members/all/<int:user_id>")
def member(call: RepoCall, user_id: int) -> Response:
    for one in _members(call):
        if one.id == user_id:
            return answer(shapes.member(call.world, call.repo, one))
    raise missing()


@on_project(room, "GET", "/members/<int:user_id>")
def direct_member(call: RepoCall, user_id: int) -> Response:
    return member(call, user_id)


def _members(call: RepoCall) -> list[User]:
    names = {call.repo.owner.login, *(name for name, role in call.repo.roles.items() if role is not Role.NONE)}
    return [call.world.users[name] for name in sorted(names) if call.world.users[name].is_account]
