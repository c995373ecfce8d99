"""One REST call: who asks, for which repository, with what body; and the ways to answer it."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import Blueprint, Response, g, request

from bot.devforge.acts.deed import Deed
from bot.devforge.apps import Grant, Needs, needs
from bot.devforge.model import Repository, User
from bot.devforge.world import World
from bot.domain.change import Role

WORLD, SENDER, CONTROL = "devforge.world", "devforge.sender", "devforge.control"
"""Where the WSGI environment of a request holds what serves it."""

DOCS = "https://docs.github.com/rest"
T = TypeVar("T")


class Problem(Exception):
    """An answer that is an error; `errors` are GitHub's (resource, field, code) rows of a 422."""

    def __init__(self, status: int, message: str, errors: Sequence[dict[str, str]] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = list(errors)

    def response(self) -> Response:
        """Write the error as GitHub does."""
        body: dict[str, Any] = {"message": self.message, "documentation_url": DOCS, "status": str(self.status)}
        if self.errors:
            body["errors"] = self.errors
        return answer(body, self.status)


def not_found() -> Problem:
    """Return the answer for what is not there or must not be seen."""
    return Problem(404, "Not Found")


def invalid(resource: str, field: str, code: str, message: str = "") -> Problem:
    """Return GitHub's 422 for one field."""
    row = {"resource": resource, "field": field, "code": code}
    return Problem(422, "Validation Failed", [{**row, "message": message} if message else row])


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Write a JSON answer; the body is written at once, so the state may change afterwards."""
    if status == 204:
        return Response(status=204)
    return Response(json.dumps(body), status, headers, content_type="application/json; charset=utf-8")


class Body:
    """The JSON body of a request; the getters raise GitHub's 422 for a value of the wrong kind."""

    def __init__(self, resource: str) -> None:
        self.resource = resource
        raw = request.get_data(cache=True)
        try:
            self.raw: Any = json.loads(raw) if raw else {}
        except ValueError:
            raise Problem(400, "Problems parsing JSON") from None

    def has(self, field: str) -> bool:
        return isinstance(self.raw, dict) and self.raw.get(field) is not None

    def get(self, field: str, kind: type[T], default: T) -> T:
        """Return a field of this kind, or the default when it is not there or null."""
        if not isinstance(self.raw, dict):
            raise Problem(400, "Body should be a JSON object")
        value = self.raw.get(field)
        if value is None:
            return default
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise invalid(self.resource, field, "invalid")
        return value

    def text(self, field: str, default: str = "") -> str:
        return self.get(field, str, default)

    def need(self, field: str) -> str:
        """Return a text that must be there and not be empty."""
        value = self.text(field).strip()
        if not value:
            raise invalid(self.resource, field, "missing_field")
        return value

    def one_of(self, field: str, allowed: Sequence[str], default: str) -> str:
        value = self.text(field, default)
        if value not in allowed:
            raise invalid(self.resource, field, "invalid")
        return value


@dataclass(frozen=True, slots=True)
class Call:
    """A call by `user` (None: nobody) whose token allows at most `access`, and what its `grant` says."""

    world: World
    user: User | None
    access: Role
    grant: Grant | None = field(default=None, kw_only=True)

    @property
    def actor(self) -> User:
        """Return who asks; 401 when it is nobody."""
        if self.user is None:
            raise Problem(401, "Requires authentication")
        return self.user


@dataclass(frozen=True, slots=True)
class RepoCall(Call):
    """A call about a repository that the caller may see."""

    repo: Repository

    @property
    def role(self) -> Role:
        """Return what the caller may do: the weaker of the role and the token. An installation has no role."""
        if self.grant is not None and self.grant.installation is not None and self.grant.covers(self.repo):
            return self.access
        role = self.repo.role(self.user)
        return role if self.access.at_least(role) else self.access

    @property
    def deed(self) -> Deed:
        """Return the caller's act in this repository; 401 when it is nobody's."""
        return Deed(self.world, self.repo, self.actor)

    def demand(self, role: Role) -> User:
        """Return the caller if they have at least this role here; 401 or 403 otherwise."""
        actor = self.actor
        if not self.role.at_least(role):
            people = f"Must have {role} rights to Repository."
            raise Problem(403, "Resource not accessible by integration" if actor.is_bot else people)
        return actor


def open_call(world: World) -> Call:
    """Read who asks from the Authorization header; 401 for a token that is unknown or has ended."""
    value = bearer()
    if value is None:
        return Call(world, None, Role.READ)
    token, grant = world.tokens.get(value), world.grant(value)
    g.told = world.apps.told(value)
    if token is None or (grant is not None and grant.until <= world.now()):
        raise Problem(401, "Bad credentials")
    if grant is not None and grant.installation is not None and grant.installation.suspended is not None:
        raise Problem(403, "This installation has been suspended")
    return Call(world, token.user, token.access, grant=grant)


def bearer() -> str | None:
    """Return the token of the request, from `Bearer`, `token` or Basic, or None."""
    if request.authorization is None:
        return request.headers.get("PRIVATE-TOKEN")
    if request.authorization.type in ("bearer", "token"):
        return request.authorization.token or ""
    return request.authorization.password or request.authorization.username or ""


Handler = Callable[..., Response]


def world_of_app() -> World:
    """Return the world that this request is for."""
    world = request.environ[WORLD]
    if not isinstance(world, World):
        raise TypeError("the request is for no devforge world")
    return world


def on(room: Blueprint, method: str, rule: str) -> Callable[[Handler], Handler]:
    """Register a handler `(call, ...)` that runs under the world's lock."""

    def register(handler: Handler) -> Handler:
        @wraps(handler)
        def run(**args: Any) -> Response:
            world = world_of_app()
            with world.lock:
                return handler(open_call(world), **args)

        room.add_url_rule(rule, f"{method}-{handler.__name__}", run, methods=[method])
        return handler

    return register


def on_repo(room: Blueprint, method: str, rule: str, need: Role = Role.READ) -> Callable[[Handler], Handler]:
    """Register a handler `(repo_call, ...)` below /repos/OWNER/NAME for callers with a role; 404 for a hidden one."""

    def register(handler: Handler) -> Handler:
        asked = needs(method, rule)

        @wraps(handler)
        def run(call: Call, owner: str, name: str, **args: Any) -> Response:
            repo = call.world.repo(f"{owner}/{name}")
            if repo is None or not repo.role(call.user).at_least(Role.READ):
                raise not_found()
            inner = RepoCall(call.world, call.user, call.access, repo, grant=call.grant)
            if call.grant is not None:
                g.accepted = "; ".join(f"{name_of}={level}" for name_of, level in asked)
                _admit(call.grant, repo, method, asked)
            if need is not Role.READ:
                inner.demand(need)
            return handler(inner, **args)

        on(room, method, f"/repos/<owner>/<name>{rule}")(run)
        return handler

    return register


def _admit(grant: Grant, repo: Repository, method: str, asked: Needs) -> None:
    """Raise GitHub's 404 for a private repository outside the grant, and its 403 for a permission that is missing."""
    if not grant.covers(repo):
        if repo.private:
            raise not_found()
        if method != "GET":
            raise Problem(403, grant.refusal)
    elif not grant.allows(asked):
        raise Problem(403, grant.refusal)


def number_arg(name: str, default: int, most: int) -> int:
    """Return a positive number from the query, within bounds."""
    text = request.args.get(name, "")
    return min(max(int(text), 1), most) if text.isdigit() else default


def page(items: Sequence[T], shape: Callable[[T], Any]) -> Response:
    """Answer one page of a list, with GitHub's Link header."""
    rows, headers = slice_page(items)
    return answer([shape(item) for item in rows], headers=headers)


def slice_page(items: Sequence[T]) -> tuple[Sequence[T], dict[str, str]]:
    """Return the page of a list that the query asks for, and the headers that lead to the others."""
    size = number_arg("per_page", 30, 100)
    at = number_arg("page", 1, 1_000_000)
    last = max(1, -(-len(items) // size))
    links: list[str] = []
    for rel, target in (("prev", at - 1), ("next", at + 1), ("last", last), ("first", 1)):
        useful = at < last if rel in ("next", "last") else at > 1
        if useful and 1 <= target <= last:
            links.append(f'<{_page_url(target)}>; rel="{rel}"')
    return items[(at - 1) * size : at * size], {"Link": ", ".join(links)} if links else {}


def _page_url(number: int) -> str:
    args = {**request.args.to_dict(), "page": str(number)}
    return f"{world_of_app().address}{request.path}?{urlencode(args)}"


def with_etag(response: Response) -> Response:
    """Give a good answer to a GET its ETag; answer 304 when the caller has it already."""
    if request.method != "GET" or response.status_code != 200:
        return response
    etag = 'W/"' + hashlib.sha256(response.get_data()).hexdigest() + '"'
    response.headers["ETag"] = etag
    if etag in [tag.strip() for tag in request.headers.get("If-None-Match", "").split(",")]:
        response.status_code = 304
        response.set_data(b"")
        del response.headers["Content-Type"]
    return response
