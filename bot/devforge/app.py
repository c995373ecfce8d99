"""The Flask application: all rooms, and what is the same for every REST answer (faults, limits, ETags, headers)."""

import re
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import unquote
from wsgiref.types import StartResponse

from flask import Blueprint, Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from bot.devforge import admin, forms, githttp, pages, slack
from bot.devforge.call import CONTROL, SENDER, WORLD, Problem, answer, with_etag
from bot.devforge.faults import Fault
from bot.devforge.gitlab import approvals, discussions, merges, notes, people, pipelines, projects, refusals, repository
from bot.devforge.gitlab import hooks as gitlab_hooks
from bot.devforge.gitlab import issues as gitlab_issues
from bot.devforge.gitlab.call import SLASH
from bot.devforge.limits import budget, caller, write_headers
from bot.devforge.model import Issue
from bot.devforge.rest import apps, checks, gitdata, hooks, issues, labels, manifests, pulls, repos, rules, users
from bot.devforge.webhooks import Sender
from bot.devforge.world import World

Observer = Callable[[Response], None]
_OBSERVERS = "devforge.observers"
LAB = "/api/v4/"
_PAGES = re.compile(r"/-/(issues|merge_requests|commit|jobs)(?=/|$)")
_ROWS = {"issues": "issues", "commit": "commit", "jobs": "runs", "merge_requests": "pull"}
"""GitLab's addresses of the pages, and ours."""
_LARGEST = 300 * 1024 * 1024
_LONGEST_HANG = 60.0


def create_app(
    world: World, sender: Sender, control: admin.Control, observers: list[Observer]
) -> Callable[[dict[str, Any], StartResponse], Iterable[bytes]]:
    """Return the application that serves a world. Observers see every REST answer inside its request."""
    app, own = _application(), {WORLD: world, SENDER: sender, CONTROL: control, _OBSERVERS: observers}

    def serve(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        environ.update(own)
        if environ["PATH_INFO"].startswith(LAB):
            _keep_slashes(environ)
        elif world.dialect == "gitlab":
            environ["PATH_INFO"] = _PAGES.sub(lambda match: f"/{_ROWS[match[1]]}", environ["PATH_INFO"], count=1)
        return app(environ, start_response)

    return serve


def _keep_slashes(environ: dict[str, Any]) -> None:
    """Tell the encoded slashes of a path from the others: WSGI has decoded them all."""
    raw = environ.get("RAW_URI", environ["PATH_INFO"]).partition("?")[0]
    path = unquote(raw.replace("%2F", SLASH).replace("%2f", SLASH))
    environ["PATH_INFO"] = path.encode().decode("latin-1")


@cache
def _application() -> Flask:
    """Build what all worlds of a process share: compiling the hundred routes takes longer than many a conversation."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST
    app.url_map.merge_slashes = False
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.jinja_env.filters.update(clock=_clock, face=_face, mark=_mark)
    api = Blueprint("api", __name__, url_prefix="/api/v3")
    for rest in (users, apps, manifests, rules, repos, gitdata, issues, labels, pulls, checks, hooks):
        api.register_blueprint(rest.room)
    lab = Blueprint("lab", __name__, url_prefix=LAB.rstrip("/"))
    for place in (
        people,
        projects,
        gitlab_hooks,
        repository,
        gitlab_issues,
        notes,
        discussions,
        merges,
        approvals,
        pipelines,
    ):
        lab.register_blueprint(place.room)
    for room in (api, lab, githttp.room, slack.room, admin.room, pages.room, forms.room, manifests.pages):
        app.register_blueprint(room)
    app.register_error_handler(Problem, lambda problem: problem.response())
    app.register_error_handler(HTTPException, _http_error)
    app.before_request(lambda: _before(request.environ[WORLD]))
    app.after_request(lambda response: _after(request.environ[_OBSERVERS], response))
    return app


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")


def _mark(world: World, issue: Issue) -> str:
    """Write a number as the forge's people do."""
    return f"{'!' if world.dialect == 'gitlab' and issue.change else '#'}{issue.number}"


def _face(content: str) -> str:
    faces = {
        "+1": "👍",
        "-1": "👎",
        "laugh": "😄",
        "confused": "😕",
        "heart": "❤",
        "hooray": "🎉",
        "rocket": "🚀",
        "eyes": "👀",
    }
    return faces[content]


def _is_api() -> bool:
    return request.path.startswith(("/api/v3/", LAB))


def _http_error(error: HTTPException) -> Response | HTTPException:
    """Turn the framework's errors into GitHub's on the REST side: no route, or not with this method, is 404."""
    if not _is_api():
        return error
    code = error.code or 500
    if request.path.startswith(LAB):
        if code == 404:  # no such route: Grape's own form
            return answer({"error": "404 Not Found"}, 404)
        return refusals.Refusal(code, f"{code} {error.name}").response()
    return Problem(404, "Not Found").response() if code == 405 else Problem(code, error.name).response()


_HOSTS = ("localhost", "127.0.0.1", "[::1]")


def _before(world: World) -> Response | None:
    if request.host.rpartition(":")[0] not in _HOSTS and request.host not in _HOSTS:
        return Problem(421, "This forge answers on localhost only.").response()
    fault = None
    if not request.path.startswith("/_dev/"):
        fault = world.faults.take(request.method, request.path.replace(SLASH, "/"))
    g.fault = fault
    if fault and fault.hang:
        world.faults.stopping.wait(min(fault.hang, _LONGEST_HANG))
    if fault and fault.status and not fault.after_effect:
        g.fault_answered = True
        return fault_answer(world, fault)
    if _is_api():
        cost = 0 if request.path.endswith("/rate_limit") else 1
        g.rate = budget(world, caller(world), spend=cost)
        if cost and g.rate.exhausted:
            if world.dialect == "gitlab":
                return refusals.throttled(max(1, g.rate.reset - int(world.now())))
            return Problem(403, "API rate limit exceeded.").response()
    return None


def fault_answer(world: World, fault: Fault) -> Response:
    """Write the error of a fault the way the forge words it."""
    if world.dialect == "gitlab" and request.path.startswith(LAB):
        return refusals.fault_answer(fault)
    words = {
        401: "Bad credentials",
        403: "Forbidden",
        404: "Not Found",
        409: "Conflict",
        422: "Validation Failed",
        429: "Too Many Requests",
    }
    message = words.get(fault.status, "Server Error")
    if fault.status in (403, 429) and fault.retry_after is not None:
        message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    response = Problem(fault.status, message).response()
    if fault.retry_after is not None:
        response.headers["Retry-After"] = str(fault.retry_after)
    return response


def _after(observers: list[Observer], response: Response) -> Response:
    fault: Fault | None = g.get("fault")
    if fault and fault.status and not g.get("fault_answered"):
        response = fault_answer(request.environ[WORLD], fault)
    if _is_api():
        if fault is None:
            response = with_etag(response)
        if "rate" in g:
            write_headers(response, g.rate, gitlab=request.path.startswith(LAB))
        _name(response)
    if _is_api() or request.path.startswith("/slack/api/"):
        for observer in observers:
            observer(response)
    if fault and fault.truncate:
        return _truncated(response)
    return response


def _name(response: Response) -> None:
    made = f"{time.monotonic_ns():X}"
    if request.path.startswith(LAB):
        response.headers["X-Request-Id"] = made
        return
    response.headers.update(g.get("told", {}))
    if "accepted" in g:
        response.headers["X-Accepted-GitHub-Permissions"] = g.accepted
    response.headers["X-GitHub-Media-Type"] = "github.v3; format=json"
    response.headers["X-GitHub-Request-Id"] = made


def _truncated(response: Response) -> Response:
    """Promise the whole body and send half of it."""
    data = response.get_data() or answer({}).get_data()
    cut = Response(iter([data[: len(data) // 2]]), response.status_code, response.headers)
    cut.headers["Content-Length"] = str(len(data))
    return cut
