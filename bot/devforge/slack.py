"""The part of Slack's web API that a bot needs to tell people something: post, update, look back, and who am I."""

import json
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request

from bot.devforge.call import answer, bearer, world_of_app
from bot.devforge.world import Chat, Message, World

room = Blueprint("slack", __name__)
_LONGEST = 40_000


def _arguments() -> dict[str, Any]:
    """Read a JSON or a form body; blocks in a form are JSON text."""
    if request.is_json:
        body = request.get_json(silent=True)
        return body if isinstance(body, dict) else {}
    values: dict[str, Any] = request.form.to_dict()
    if isinstance(values.get("blocks"), str):
        try:
            values["blocks"] = json.loads(values["blocks"])
        except ValueError:
            values["blocks"] = None
    return values


def _no(error: str) -> Response:
    return answer({"ok": False, "error": error})


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
        return answer({"ok": True, **names, "team_id": "T0DEVFORGE", "user_id": "U0BOT", "bot_id": "B0BOT"})


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
    """List a channel's messages, the latest first; the channel goes by its id, and marks are shown when asked for."""
    world, asked = world_of_app(), request.args.to_dict() or _arguments()
    with world.lock:
        who = _speaker(world.chat, asked)
        if isinstance(who, Response):
            return who
        if who.channel != asked.get("channel"):
            return _no("channel_not_found")
        if who.user in world.chat.blind:
            return _no("missing_scope")
        oldest, limit = float(asked.get("oldest") or 0), min(int(asked.get("limit") or 100), 999)
        found = [one for one in reversed(world.chat.messages) if one.channel == who.channel and float(one.ts) > oldest]
        start = int(asked.get("cursor") or 0)
        rows = [shape(one) for one in found[start : start + limit]]
        if asked.get("include_all_metadata") in ("true", "1", True):
            for row, one in zip(rows, found[start:], strict=False):
                row |= {"metadata": one.metadata} if one.metadata else {}
        more = len(found) > start + limit
        after = {"response_metadata": {"next_cursor": str(start + limit)}} if more else {}
        return answer({"ok": True, "messages": rows, "has_more": more, **after})


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


def shape(message: Message) -> dict[str, Any]:
    """Write a message as Slack does."""
    row: dict[str, Any] = {"type": "message", "user": message.user, "text": message.text, "ts": message.ts}
    if message.blocks:
        row["blocks"] = message.blocks
    if message.thread:
        row["thread_ts"] = message.thread
    if message.edited:
        row["edited"] = {"user": message.user, "ts": message.ts}
    return row
