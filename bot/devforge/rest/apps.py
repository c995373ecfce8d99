"""Apps: what they are, where they are installed, the tokens that they have issued, and their own webhook."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request

from bot.devforge.apps import App, Grant, Installation
from bot.devforge.call import (
    SENDER,
    WORLD,
    Body,
    Call,
    Handler,
    Problem,
    answer,
    bearer,
    not_found,
    on,
    page,
)
from bot.devforge.model import Delivery, Repository
from bot.devforge.shapes import apps as shapes
from bot.devforge.shapes.repos import repository
from bot.devforge.statements import app_of
from bot.devforge.world import World
from bot.domain.change import Role

room = Blueprint("apps", __name__)


@dataclass(frozen=True, slots=True)
class AppCall:
    """A call by an app about itself."""

    world: World
    app: App


def as_app(method: str, rule: str) -> Callable[[Handler], Handler]:
    """Register a handler `(app_call, ...)` for callers that say by a signed statement which app they are."""

    def register(handler: Handler) -> Handler:
        def run(**args: Any) -> Response:
            world: World = request.environ[WORLD]
            with world.lock:
                return handler(AppCall(world, app_of(world.apps, bearer() or "", world.now())), **args)

        room.add_url_rule(rule, f"{method}-{handler.__name__}", run, methods=[method])
        return handler

    return register


def _installation(call: AppCall, number: int) -> Installation:
    found = call.world.apps.installations.get(number)
    if found is None or found.app is not call.app:
        raise not_found()
    return found


@as_app("GET", "/app")
def about(call: AppCall) -> Response:
    return answer(shapes.integration(call.world, call.app))


@as_app("GET", "/app/installations")
def installations(call: AppCall) -> Response:
    mine = [one for one in call.world.apps.installations.values() if one.app is call.app]
    return page(mine, lambda one: shapes.installation(call.world, one))


@as_app("GET", "/app/installations/<int:number>")
def installation(call: AppCall, number: int) -> Response:
    return answer(shapes.installation(call.world, _installation(call, number)))


@as_app("GET", "/repos/<owner>/<name>/installation")
def installation_of(call: AppCall, owner: str, name: str) -> Response:
    repo = call.world.repo(f"{owner}/{name}")
    found = call.world.apps.installed(call.app, repo) if repo is not None else None
    if found is None:
        raise not_found()
    return answer(shapes.installation(call.world, found))


@as_app("POST", "/app/installations/<int:number>/access_tokens")
def access_token(call: AppCall, number: int) -> Response:
    """Issue a token, narrowed to the repositories and permissions that were asked for."""
    place, body = _installation(call, number), Body("InstallationToken")
    if place.suspended is not None:
        raise Problem(403, "This installation has been suspended")
    repos = _repositories(call.world, place, body.get("repositories", list, []))
    permissions = _permissions(place, body.get("permissions", dict, {}))
    names = frozenset(repo.full_name.lower() for repo in repos) or frozenset(place.repositories)
    grant = Grant(permissions, names, call.world.now() + call.world.apps.life, place)
    token = call.world.token(call.world.bot(call.app.slug), None, Role.ADMIN)
    call.world.apps.grants[token.value] = grant
    call.world.apps.issued.append(token.value)
    return answer(shapes.token(call.world, token.value, grant, repos, narrowed=bool(repos)), 201)


def _repositories(world: World, place: Installation, names: list[Any]) -> list[Repository]:
    found = []
    for name in names:
        repo = world.repo(f"{place.account.login}/{name}")
        if repo is None or repo.full_name.lower() not in place.repositories:
            raise Problem(
                422,
                "There is at least one repository that does not exist or is not accessible to the parent installation.",
            )
        found.append(repo)
    return found


def _permissions(place: Installation, asked: dict[str, Any]) -> dict[str, str]:
    whole = Grant(place.permissions, None, 0.0)
    for name, level in asked.items():
        if level not in ("read", "write") or not whole.allows(((name, level),)):
            raise Problem(422, "The permissions requested are not granted to this installation.")
    return {**asked, "metadata": "read"} if asked else dict(place.permissions)


@on(room, "DELETE", "/installation/token")
def revoke(call: Call) -> Response:
    """Revoke the token that this is said with."""
    if call.grant is None or call.grant.installation is None:
        raise Problem(403, "Resource not accessible by personal access token")
    value = bearer() or ""
    del call.world.tokens[value]
    del call.world.apps.grants[value]
    call.world.apps.revoked.append(value)
    return answer(None, 204)


@on(room, "GET", "/installation/repositories")
def repositories(call: Call) -> Response:
    if call.grant is None or call.grant.installation is None:
        raise Problem(403, "You must authenticate with an installation access token in order to list repositories")
    world, names = call.world, sorted(call.grant.repositories or ())
    rows = [repository(world, repo) for name in names if (repo := world.repo(name)) is not None]
    return answer({"total_count": len(rows), "repositories": rows})


# --- the app's own webhook ------------------------------------------------------------------------------------------
@as_app("GET", "/app/hook/config")
def hook_config(call: AppCall) -> Response:
    return answer(shapes.hook_config(call.app.hook))


@as_app("GET", "/app/hook/deliveries")
def deliveries(call: AppCall) -> Response:
    newest = list(reversed(call.app.hook.deliveries)) if call.app.hook else []
    return page(newest, shapes.delivery)


@as_app("POST", "/app/hook/deliveries/<int:delivery_id>/attempts")
def again(call: AppCall, delivery_id: int) -> Response:
    rows: list[Delivery] = list(call.app.hook.deliveries) if call.app.hook else []
    found = next((one for one in rows if one.id == delivery_id), None)
    if found is None or call.app.hook is None:
        raise Problem(404, "Delivery not found")
    request.environ[SENDER].again(call.app.hook, found)
    return answer({}, 202)
