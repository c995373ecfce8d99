"""The frame of every page: who visits, what they may see, and how a template is filled.

Who acts is chosen on the page (`?as=LOGIN`, kept in a cookie): this is a forge for development, so nobody logs in.
Forms are only taken from the forge's own pages.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, make_response, render_template, request
from werkzeug.exceptions import Forbidden, NotFound
from werkzeug.wrappers import Response as AnyResponse

from bot.devforge.acts.deed import Deed
from bot.devforge.call import world_of_app
from bot.devforge.markdown import render
from bot.devforge.model import Repository, User
from bot.devforge.world import World
from bot.domain.change import Role

_COOKIE = "devforge_as"


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit to a repository's page by the person who was chosen."""

    world: World
    repo: Repository
    user: User

    @property
    def role(self) -> Role:
        return self.repo.role(self.user)

    @property
    def deed(self) -> Deed:
        return Deed(self.world, self.repo, self.user)

    def may(self, role: Role) -> bool:
        return self.role.at_least(role)


View = Callable[..., AnyResponse | str]


def people(world: World) -> list[User]:
    """Return the people who may be chosen to act."""
    return [user for user in world.users.values() if not user.is_bot and user is not world.ghost]


def chosen(world: World) -> User:
    """Return who acts: the query, the cookie, or the first person."""
    for login in (request.args.get("as"), request.cookies.get(_COOKIE)):
        user = world.users.get(login or "")
        if user in people(world):
            return user
    return (people(world) or [world.ghost])[0]


def _own_form() -> None:
    """Refuse a form that another site sent."""
    origin = request.headers.get("Origin")
    foreign = bool(origin) and urlsplit(origin or "").netloc != request.host
    if foreign or request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("This form was not sent from one of the forge's own pages.")


def _show(view: View, world: World, *args: Any, **more: Any) -> AnyResponse:
    if request.method == "POST":
        _own_form()
    with world.lock:
        response = make_response(view(*args, **more))
        login = request.args.get("as")
        if login and chosen(world).login == login:
            response.set_cookie(_COOKIE, login, samesite="Strict", httponly=True)
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'"
    )
    response.headers["X-Frame-Options"] = "DENY"
    return response


def plain(room: Blueprint, rule: str) -> Callable[[View], View]:
    """Register a page `(world)`."""

    def register(view: View) -> View:
        @wraps(view)
        def run(**more: Any) -> AnyResponse:
            world = world_of_app()
            return _show(view, world, world, **more)

        room.add_url_rule(rule, view.__name__, run)
        return view

    return register


def page(room: Blueprint, rule: str, method: str = "GET") -> Callable[[View], View]:
    """Register a page `(visit)` below /OWNER/NAME; 404 for a repository that the visitor may not see."""

    def register(view: View) -> View:
        @wraps(view)
        def run(owner: str, name: str, **more: Any) -> AnyResponse:
            world = world_of_app()
            repo = world.repo(f"{owner}/{name}")
            if repo is None or not repo.role(chosen(world)).at_least(Role.READ):
                raise NotFound
            return _show(view, world, Visit(world, repo, chosen(world)), **more)

        room.add_url_rule(f"/<owner>/<name>{rule}", view.__name__, run, methods=[method])
        return view

    return register


def fill(name: str, world: World, **more: Any) -> str:
    """Fill a template with what every page needs."""
    common = {"world": world, "people": people(world), "me": chosen(world), "markdown": render, "Role": Role}
    return render_template(name, **common, **more)


def fill_page(name: str, visit: Visit, **more: Any) -> str:
    """Fill a template of a repository's page."""
    kinds = {False: 0, True: 0}
    for issue in {one.id: one for row in (visit.repo.issues, visit.repo.changes) for one in row.values()}.values():
        kinds[issue.change is not None] += issue.state == "open"
    return fill(name, visit.world, visit=visit, repo=visit.repo, counts=kinds, **more)
