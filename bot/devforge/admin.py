"""The admin side for another process: the seeding calls of `server.DevForge` as JSON, behind a token of its own."""

import hmac
from collections.abc import Callable
from typing import Any, Protocol

from flask import Blueprint, Response, request

from bot.devforge.call import CONTROL, Problem, answer, bearer, world_of_app
from bot.devforge.slack import shape

room = Blueprint("admin", __name__)


class Control(Protocol):
    """What the admin routes may do: any public seeding call by its name."""

    admin_token: str

    def seeding(self) -> dict[str, Callable[..., Any]]:
        """Return the calls that may be made from outside."""
        ...


def _control() -> Control:
    control: Control = request.environ[CONTROL]
    if not hmac.compare_digest((bearer() or "").encode(), control.admin_token.encode()):
        raise Problem(401, "The admin token is needed.")
    return control


@room.post("/_dev/<call>")
def seed(call: str) -> Response:
    """Make one seeding call: the JSON body holds its keyword arguments."""
    made = _control().seeding().get(call)
    if made is None:
        raise Problem(404, f"There is no call {call!r}.")
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise Problem(400, "The body must be a JSON object of arguments.")
    try:
        return answer({"result": made(**body)})
    except (TypeError, ValueError, KeyError) as error:
        raise Problem(422, f"{call}: {error}") from error


@room.get("/_dev/slack")
def slack_messages() -> Response:
    """List what was said in the chat."""
    world = world_of_app()
    with world.lock:
        rows = [{"channel": world.chat.channels[m.channel], **shape(m)} for m in world.chat.messages]
    return answer({"messages": rows})
