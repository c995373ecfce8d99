"""The part of Slack's web API that a bot needs to tell people something: post, update, look back, and who am I."""

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from flask import Blueprint, Response, request

from bot.devforge.call import answer, bearer, world_of_app
from bot.devforge.world import Chat, Message, World

room = Blueprint("slack", __name__)
_LONGEST = 40_000
_TEAM = "T0DEVFORGE"


def _arguments() -> dict[str, Any]:
    """Read the query, and a JSON or a form body; blocks and metadata in a form are JSON text."""
    if request.is_json:
        body = request.get_json(silent=True)
        return body if isinstance(body, dict) else {}
    values: dict[str, Any] = request.values.to_dict()
    for name in ("blocks", "metadata"):
        if name in values:
            try:
                values[name] = json.loads(values[name])
            except ValueError:
                values[name] = None
    return values


def _no(error: str, **more: str) -> Response:
    return answer({"ok": False, "error": error, **more})


def _who(chat: Chat) -> str | None:
    value = bearer() or request.form.get("token")
    return chat.tokens.get(value) if value else None


@room.post("/slack/api/auth.test")
def auth_test() -> Response:
    """Tell who the token is."""
    world = world_of_app()
    with world.lock:
        user = _who(world.chat)
        if user is None:
            return _no("invalid_auth" if bearer() else "not_authed")
        names = {"url": f"{world.address}/", "team": "devforge", "user": user}
        ids = {"team_id": _TEAM, "user_id": _id("U", user), "bot_id": _id("B", user)}
        return answer({"ok": True, **names, **ids, "is_enterprise_install": False})


@dataclass(frozen=True, slots=True)
class _Speaker:
    """Somebody with a good token who names a channel that there is."""

    user: str
    channel: str


def _speaker(chat: Chat, body: dict[str, Any]) -> _Speaker | Response:
    user = _who(chat)
    if user is None:
        return _no("invalid_auth")
    channel = find_channel(chat, str(body.get("channel") or ""))
    return _no("channel_not_found") if channel is None else _Speaker(user, channel)


@room.post("/slack/api/chat.postMessage")
def post_message() -> Response:
    """Post a message; a channel is named by its id, its name, or `#` and its name."""
    world, body = world_of_app(), _arguments()
    text, blocks = str(body.get("text") or ""), body.get("blocks")
    with world.lock:
        who = _speaker(world.chat, body)
        if isinstance(who, Response):
            return who
        if not text and not blocks:
            return _no("no_text")
        if len(text) > _LONGEST:
            return _no("msg_too_long")
        mark = body.get("metadata")
        message = Message(
            who.channel,
            _timestamp(world),
            who.user,
            text,
            blocks,
            thread=body.get("thread_ts"),
            metadata=mark if isinstance(mark, dict) else None,
        )
        world.chat.messages.append(message)
        world.moved.notify_all()
        return answer({"ok": True, "channel": who.channel, "ts": message.ts, "message": shape(message)})


@room.post("/slack/api/chat.update")
def update() -> Response:
    """Change a message that the same token has posted."""
    world, body = world_of_app(), _arguments()
    with world.lock:
        who = _speaker(world.chat, body)
        if isinstance(who, Response):
            return who
        for message in world.chat.messages:
            if (message.channel, message.ts) != (who.channel, body.get("ts")):
                continue
            if message.user != who.user:
                return _no("cant_update_message")
            message.text, message.edited = str(body.get("text") or message.text), True
            message.blocks = body.get("blocks", message.blocks)
            world.moved.notify_all()
            return answer({"ok": True, "channel": who.channel, "ts": message.ts, "text": message.text})
        return _no("message_not_found")


@room.route("/slack/api/conversations.history", methods=["GET", "POST"])
def history() -> Response:
    """List a channel's messages after `oldest`, the latest first and no replies; metadata for who asks for it.

    The channel goes by its id here, not by its name.
    """
    world, asked = world_of_app(), _arguments()
    with world.lock:
        user, channel = _who(world.chat), asked.get("channel")
        if user is None:
            return _no("invalid_auth" if bearer() else "not_authed")
        if user in world.chat.blind:
            return _no("missing_scope", needed="channels:history", provided="chat:write")
        if channel not in world.chat.channels:
            return _no("channel_not_found")
        try:
            oldest, limit = _micros(str(asked.get("oldest") or 0)), int(str(asked.get("limit") or 100))
        except ValueError:
            return _no("invalid_arguments")
        try:
            newest = _from_cursor(str(asked.get("cursor") or ""))
        except ValueError:
            return _no("invalid_cursor")
        talk = [one for one in world.chat.messages if one.channel == channel and not one.thread]
        found = sorted((one for one in talk if oldest < _micros(one.ts) <= newest), key=_age)
        size = min(max(limit, 1), 999)
        rows = [_in_history(one, asked) for one in found[:size]]
        after = {"response_metadata": {"next_cursor": _cursor(found[size])}} if len(found) > size else {}
        return answer({"ok": True, "messages": rows, "has_more": bool(after), "pin_count": 0, **after})


def _in_history(message: Message, asked: dict[str, Any]) -> dict[str, Any]:
    marked = message.metadata and str(asked.get("include_all_metadata")).lower() in ("1", "true")
    return {**shape(message), **({"metadata": message.metadata} if marked else {})}


def _micros(timestamp: str) -> int:
    """Return a timestamp as a number; raises ValueError for what is none."""
    try:
        return round(float(timestamp) * 1_000_000)
    except OverflowError:
        raise ValueError(timestamp) from None


def _age(message: Message) -> int:
    return -_micros(message.ts)


def _cursor(message: Message) -> str:
    return b64encode(f"next_ts:{_micros(message.ts)}".encode()).decode()


def _from_cursor(cursor: str) -> float:
    """Return where a page begins, in microseconds; raises ValueError for what is no cursor of ours."""
    if not cursor:
        return float("inf")
    return int(b64decode(cursor, validate=True).decode().removeprefix("next_ts:"))


def find_channel(chat: Chat, name: str) -> str | None:
    """Return the id of a channel."""
    if name in chat.channels:
        return name
    for channel, known in chat.channels.items():
        if known == name.removeprefix("#"):
            return channel
    return None


def _timestamp(world: World) -> str:
    return f"{int(world.now())}.{world.next_id():06d}"


def _id(kind: str, name: str) -> str:
    """Return what Slack would call somebody: U for a user, B for a bot, A for an app."""
    return kind + sha256(name.encode()).hexdigest()[:10].upper()


def shape(message: Message) -> dict[str, Any]:
    """Write a message as Slack does; whoever speaks with a token is a bot of an app."""
    who = {"user": _id("U", message.user), "bot_id": _id("B", message.user), "app_id": _id("A", message.user)}
    row: dict[str, Any] = {"type": "message", **who, "team": _TEAM, "text": message.text, "ts": message.ts}
    if message.blocks:
        row["blocks"] = message.blocks
    if message.thread:
        row["thread_ts"] = message.thread
    if message.edited:
        row["edited"] = {"user": who["user"], "ts": message.ts}
    return row
