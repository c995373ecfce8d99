"""One call of GitLab's REST API: which project, who asks with which scopes, and the page of a list."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from flask import Blueprint, Response, request

from bot.devforge.call import Call, Handler, Problem, RepoCall, answer, number_arg, world_of_app
from bot.devforge.gitlab.credentials import READING, WRITING, caller
from bot.devforge.gitlab.refusals import Refusal, forbidden, missing, unauthorized
from bot.devforge.model import Repository
from bot.devforge.world import World
from bot.domain.change import Role

T = TypeVar("T")
SLASH = "\x1f"
"""Stands in a path for an encoded slash, which WSGI would decode: projects, branches and files have them."""

LEVELS = {Role.NONE: 0, Role.READ: 10, Role.TRIAGE: 20, Role.WRITE: 30, Role.MAINTAIN: 40, Role.ADMIN: 50}


class Fields:
    """The body of a request, JSON or a form; a value of the wrong kind is refused as GitLab does."""

    def __init__(self) -> None:
        raw = request.get_data(cache=True)
        try:
            found: Any = json.loads(raw) if raw and request.is_json else request.form.to_dict()
        except ValueError:
            raise Refusal(400, "400 Bad request - The JSON of the body cannot be read") from None
        if not isinstance(found, Mapping):
            raise Refusal(400, "400 Bad request - A JSON object is wanted")
        self.raw: Mapping[str, Any] = {**request.args.to_dict(), **found}

    def has(self, name: str) -> bool:
        return self.raw.get(name) is not None

    def text(self, name: str, default: str = "") -> str:
        value = self.raw.get(name)
        if value is None:
            return default
        if not isinstance(value, str | int):
            raise Refusal(400, f"{name} is invalid")
        return str(value)

    def need(self, name: str) -> str:
        """Return a text that must be there and not be empty."""
        value = self.text(name)
        if not value.strip():
            raise Refusal(400, f"{name} is missing")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.raw.get(name)
        return default if value is None else value in (True, "true", "1", 1)

    def names(self, name: str) -> list[str]:
        """Return a list of names, which may be written with commas."""
        value = self.raw.get(name)
        parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
        return [str(part).strip() for part in parts if str(part).strip()]

    def one_of(self, name: str, allowed: Sequence[str], default: str = "") -> str:
        value = self.text(name, default)
        if value not in allowed:
            raise Refusal(400, f"{name} does not have a valid value")
        return value


def on(room: Blueprint, method: str, rule: str, scopes: Sequence[str] = ()) -> Callable[[Handler], Handler]:
    """Register a handler `(call, ...)` that runs under the world's lock; 404 on a forge of the other dialect.

    A token needs one of the scopes; when none are given, those for reading or writing at all.
    """
    wanted = tuple(scopes) or (READING if method == "GET" else WRITING)

    def register(handler: Handler) -> Handler:
        @wraps(handler)
        def run(**args: Any) -> Response:
            world = world_of_app()
            if world.dialect != "gitlab":
                raise Problem(404, "Not Found")
            plain = {
                name: value.replace(SLASH, "/") if isinstance(value, str) else value for name, value in args.items()
            }
            with world.lock:
                call = caller(world, wanted)
                if method != "GET" and call.user is None:
                    raise unauthorized()
                return handler(call, **plain)

        room.add_url_rule(rule, f"{method}-{handler.__name__}", run, methods=[method])
        return handler

    return register


def on_project(
    room: Blueprint, method: str, rule: str, need: Role = Role.READ, scopes: Sequence[str] = ()
) -> Callable[[Handler], Handler]:
    """Register a handler `(repo_call, ...)` below /projects/ID for callers with a role; 404 for a hidden one."""

    def register(handler: Handler) -> Handler:
        @wraps(handler)
        def run(call: Call, project: str, **args: Any) -> Response:
            repo = project_of(call.world, project)
            if repo is None or not repo.role(call.user).at_least(Role.READ):
                raise missing("Project")
            inner = RepoCall(call.world, call.user, call.access, repo)
            if need is not Role.READ:
                demand(inner, need)
            return handler(inner, **args)

        on(room, method, f"/projects/<project>{rule}", scopes)(run)
        return handler

    return register


def project_of(world: World, name: str) -> Repository | None:
    """Return the project of this path or number, or None."""
    if name.isdigit():
        return next((repo for repo in world.repos.values() if repo.id == int(name)), None)
    return world.repo(name)


def demand(call: RepoCall, role: Role) -> None:
    """Raise unless the caller has at least this role here: 401 for nobody, 403 for somebody."""
    if call.user is None:
        raise unauthorized()
    if not call.role.at_least(role):
        raise forbidden()


def page(items: Sequence[T], shape: Callable[[T], Any]) -> Response:
    """Answer one page of a list, with GitLab's headers."""
    size, at = number_arg("per_page", 20, 100), number_arg("page", 1, 1_000_000)
    last = max(1, -(-len(items) // size))
    rels = {"prev": at - 1, "next": at + 1, "first": 1, "last": last}
    links = [f'<{_address(to)}>; rel="{rel}"' for rel, to in rels.items() if 1 <= to <= last]
    headers = {
        "Link": ", ".join(links),
        "X-Page": str(at),
        "X-Per-Page": str(size),
        "X-Next-Page": str(at + 1) if at < last else "",
        "X-Prev-Page": str(at - 1) if at > 1 else "",
        "X-Total": str(len(items)),
        "X-Total-Pages": str(last),
    }
    return answer([shape(item) for item in items[(at - 1) * size : at * size]], headers=headers)


def _address(number: int) -> str:
    path = quote(request.path.replace(SLASH, "%2F"), safe="/%")
    return f"{world_of_app().address}{path}?{urlencode({**request.args.to_dict(), 'page': str(number)})}"
