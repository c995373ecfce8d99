"""The Notifier port over the real Slack SDK: devforge's chat, and Slack's rarer answers from a small server."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs

import pytest
from flask import request

from bot.adapters.slack import SlackNotifier
from bot.devforge.server import DevForge
from bot.devforge.world import Message
from bot.domain.errors import Denied, Unavailable
from bot.ports import Notifier, Posted

TOKEN = "xoxb-the-secret"


@pytest.fixture
def dev() -> Iterator[DevForge]:
    with DevForge(runner=None) as made:
        made.add_slack(token=TOKEN, channel="#agent")
        yield made


@dataclass
class Log:
    """What was logged: the level, the event and its fields."""

    rows: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)

    def __call__(self, event: str, *, level: str = "info", **fields: object) -> None:
        self.rows.append((level, event, fields))


def notifier(dev: DevForge, *, token: str = TOKEN, channel: str = "agent", log: Log | None = None) -> Notifier:
    return SlackNotifier(token, channel, log or Log(), url=f"{dev.url}/slack/api")


def test_a_message_is_posted_and_then_changed_in_place(dev: DevForge) -> None:
    chat = notifier(dev)
    first = chat.post("working", run="run-1", known=None, since=None)
    assert chat.post("done", run="run-1", known=first, since=None) == first
    (message,) = dev.slack_messages()
    assert (message.text, message.ts, message.edited) == ("done", first.timestamp, True)


def test_a_message_that_is_gone_is_posted_anew(dev: DevForge) -> None:
    chat = notifier(dev)
    first = chat.post("working", run="run-1", known=None, since=None)
    second = chat.post("done", run="run-1", known=Posted(first.channel, "1.000001"), since=None)
    assert second.timestamp not in (first.timestamp, "1.000001")
    assert [message.text for message in dev.slack_messages()] == ["working", "done"]


# --- after an attempt whose end is not known ------------------------------------------------------------------------
@dataclass
class Room:
    """A channel, our view of it, what was asked there, and when it began."""

    dev: DevForge
    chat: Notifier
    channel: str
    log: Log
    asked: list[str]
    began: float

    def say(self, text: str, run: str = "run-1", known: Posted | None = None) -> Posted:
        """Say something after an attempt whose end is not known."""
        return self.chat.post(text, run=run, known=known, since=self.began)

    def first(self, run: str = "run-1") -> Posted:
        return self.chat.post("working", run=run, known=None, since=None)

    def write(self, user: str, run: str, at: float) -> None:
        """Let another app post a message with our mark."""
        mark = {"event_type": "journeyman_run", "event_payload": {"run": run}}
        message = Message(self.channel, f"{at:.6f}", user, f"{user}'s words", metadata=mark)
        self.dev.world.chat.messages.append(message)

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.dev.slack_messages()]


@pytest.fixture
def room(dev: DevForge) -> Room:
    channel, log, asked = dev.add_slack(token=TOKEN, channel="agent"), Log(), list[str]()
    dev.observers.append(lambda _response: asked.append(request.path.rpartition("/")[2]))
    return Room(dev, notifier(dev, channel=channel, log=log), channel, log, asked, time.time())


LOST: dict[str, dict[str, Any]] = {
    "an error after the effect": {"status": 500, "after_effect": True},
    "a cut answer": {"truncate": True},
}


@pytest.mark.parametrize("way", LOST)
def test_the_message_whose_answer_was_lost_is_found_and_changed(room: Room, way: str) -> None:
    room.dev.fail_next("POST", "chat.postMessage$", **LOST[way])
    with pytest.raises(Unavailable):
        room.first()
    found = room.say("done")
    (message,) = room.dev.slack_messages()
    assert (message.text, message.ts, message.edited) == ("done", found.timestamp, True)
    assert room.asked == ["chat.postMessage", "auth.test", "conversations.history", "chat.update"]
    assert not room.log.rows


def test_the_message_that_never_came_is_posted(room: Room) -> None:
    room.dev.fail_next("POST", "chat.postMessage$", status=500)
    with pytest.raises(Unavailable):
        room.first()
    room.say("done")
    assert room.texts == ["done"]


def test_nobody_looks_where_every_end_is_known(room: Room) -> None:
    room.chat.post("done", run="run-1", known=room.first(), since=None)
    assert room.asked == ["chat.postMessage", "chat.update"]


def test_nobody_looks_while_the_known_message_can_be_changed(room: Room) -> None:
    room.say("done", known=room.first())
    assert room.asked == ["chat.postMessage", "chat.update"]


def test_the_one_posted_for_one_that_is_gone_is_found_as_well(room: Room) -> None:
    room.write("somebody", "run-1", room.began)
    gone, second = Posted(room.channel, f"{room.began:.6f}"), room.first()
    assert room.say("done", known=gone) == second
    assert room.texts == ["somebody's words", "done"]


def test_the_message_is_found_behind_many_others(room: Room) -> None:
    first = room.first()
    for number in range(250):  # more than a page
        room.write("somebody", f"run-{number + 2}", room.began + 1 + number)
    assert room.say("done") == first
    assert room.asked.count("conversations.history") == 2


def test_the_search_is_bounded_and_says_so(room: Room) -> None:
    room.first()
    for number in range(2001):
        room.write("somebody", "run-2", room.began + 1 + number)
    room.say("done")
    assert room.asked.count("conversations.history") == 10
    assert room.texts.count("done") == 1
    assert [(level, fields["run"]) for level, _, fields in room.log.rows] == [("warning", "run-1")]


def test_a_mark_that_another_app_copied_does_not_hide_ours(room: Room) -> None:
    first = room.first()
    room.write("somebody", "run-1", room.began + 1000)
    assert room.say("done") == first
    assert room.texts == ["done", "somebody's words"]


def test_what_others_marked_and_what_is_older_than_the_run_is_not_ours(room: Room) -> None:
    room.write("somebody", "run-1", room.began + 1)
    room.write("journeyman", "run-2", room.began + 2)
    room.write("journeyman", "run-1", room.began - 1000)
    room.dev.world.chat.messages[-2].metadata = {"event_type": "journeyman_run", "event_payload": ["run-1"]}
    room.say("done")
    assert room.texts.count("done") == 1
    assert len(room.texts) == 4


@pytest.mark.parametrize("way", ["no scope", "by its name"])
def test_where_we_may_not_look_it_is_said_again_and_the_log_says_what_helps(room: Room, way: str) -> None:
    room.first()
    if way == "no scope":
        room.dev.world.chat.blind.add("journeyman")
        room.say("done")
    else:
        by_name = notifier(room.dev, log=room.log)
        by_name.post("done", run="run-1", known=None, since=room.began)
    assert room.texts == ["working", "done"]
    ((level, _, fields),) = room.log.rows
    assert level == "warning"
    assert "channels:history" in str(fields["fix"])
    assert "JOURNEYMAN_SLACK_CHANNEL" in str(fields["fix"])


@pytest.mark.parametrize("method", ["auth.test", "conversations.history"])
def test_while_we_cannot_look_nothing_is_said(room: Room, method: str) -> None:
    room.first()
    room.dev.fail_next("*", f"{method}$", status=503)
    with pytest.raises(Unavailable):
        room.say("done")
    assert room.texts == ["working"]


def test_what_people_wrote_cannot_mention_or_link(dev: DevForge) -> None:
    notifier(dev).post("<!channel> <https://evil.invalid|click> a & b", run="run-1", known=None, since=None)
    (message,) = dev.slack_messages()
    assert message.text == "&lt;!channel&gt; &lt;https://evil.invalid|click&gt; a &amp; b"


@pytest.mark.parametrize("text", ["x" * 50_000, "&" * 50_000, "ab<" * 20_000])
def test_a_long_message_is_cut_between_characters(dev: DevForge, text: str) -> None:
    notifier(dev).post(text, run="run-1", known=None, since=None)
    (message,) = dev.slack_messages()
    assert len(message.text) <= 4000
    assert message.text.endswith("\u2026")
    assert not any(message.text[:-1].endswith(part) for part in ("&", "&a", "&am", "&amp", "&l", "&lt"))


def test_an_empty_message_is_still_a_message(dev: DevForge) -> None:
    assert notifier(dev).post("", run="run-1", known=None, since=None).timestamp


def test_a_wrong_token_and_an_unknown_channel_are_denied(dev: DevForge) -> None:
    with pytest.raises(Denied, match="invalid_auth") as caught:
        notifier(dev, token="xoxb-wrong-one").post("x", run="run-1", known=None, since=None)
    assert "xoxb-wrong-one" not in str(caught.value)
    with pytest.raises(Denied, match="channel_not_found"):
        notifier(dev, channel="nowhere").post("x", run="run-1", known=None, since=None)


# --- rarer answers --------------------------------------------------------------------------------------------------
class Script:
    """What the small server answers, one after the other to each method or `body`; and whether it should be silent."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = b"{}"
        self.answers: dict[str, list[bytes]] = {}
        self.silent = False
        self.over = Event()
        self.asked: list[object] = []

    def answer(self, method: str) -> bytes:
        left = self.answers.get(method)
        return left.pop(0) if left else self.body


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def slow_chat(script: Script) -> Iterator[SlackNotifier]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said, body = self.rfile.read(int(self.headers["Content-Length"])), script.answer(self.path[1:])
            script.asked.append(json.loads(said) if said[:1] == b"{" else parse_qs(said.decode()))
            if script.silent:
                script.over.wait(20)
                return
            self.send_response(script.status)
            for name, value in {**script.headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield SlackNotifier("xoxb-s", "C1", Log(), url=f"http://127.0.0.1:{server.server_port}/", timeout=1)
        finally:
            script.over.set()
            server.shutdown()
            thread.join(timeout=10)


def test_nothing_unfurls(script: Script, slow_chat: SlackNotifier) -> None:
    script.body = b'{"ok": true, "channel": "C1", "ts": "1.2"}'
    assert slow_chat.post("x", run="run-1", known=None, since=None) == Posted("C1", "1.2")
    mark = {"event_type": "journeyman_run", "event_payload": {"run": "run-1"}}
    assert script.asked == [
        {"channel": "C1", "text": "x", "metadata": mark, "unfurl_links": False, "unfurl_media": False}
    ]


@pytest.mark.parametrize(
    ("status", "headers", "body", "pause"),
    [
        (429, {"Retry-After": "12"}, b'{"ok": false, "error": "ratelimited"}', 12),
        (429, {"Retry-After": "x"}, b'{"ok": false, "error": "ratelimited"}', 30),
        (429, {}, b"slow down", 30),
        (200, {}, b'{"ok": false, "error": "ratelimited"}', 30),
        (200, {}, b'{"ok": false, "error": "internal_error"}', None),
        (503, {}, b'{"ok": false, "error": "service_unavailable"}', None),
        (502, {}, b"<html>bad gateway</html>", None),
        (200, {}, b"<html>welcome</html>", None),
        (200, {}, b'{"ok": true}', None),
        (200, {}, b"{", None),
    ],
)
def test_an_outage_is_unavailable_and_asked_once(
    script: Script,
    slow_chat: SlackNotifier,
    status: int,
    headers: dict[str, str],
    body: bytes,
    pause: float | None,
) -> None:
    script.status, script.headers, script.body = status, headers, body
    with pytest.raises(Unavailable) as caught:
        slow_chat.post("x", run="run-1", known=None, since=None)
    assert caught.value.retry_after == pause
    assert len(script.asked) == 1


@pytest.mark.parametrize("word", ["token_revoked", "not_in_channel", "is_archived", "missing_scope", "something_new"])
def test_a_refusal_is_denied(script: Script, slow_chat: SlackNotifier, word: str) -> None:
    script.body = json.dumps({"ok": False, "error": word}).encode()
    with pytest.raises(Denied, match=word):
        slow_chat.post("x", run="run-1", known=None, since=None)


POSTED = b'{"ok": true, "channel": "C1", "ts": "9.9"}'


def history(*messages: object, **more: object) -> list[bytes]:
    return [json.dumps({"ok": True, "messages": messages, **more}).encode()]


def ours(ts: str) -> dict[str, object]:
    return {"user": "U1", "ts": ts, "metadata": {"event_type": "journeyman_run", "event_payload": {"run": "run-1"}}}


def test_a_message_too_old_to_be_changed_is_not_taken_for_a_later_one(script: Script, slow_chat: SlackNotifier) -> None:
    script.answers = {
        "auth.test": [b'{"ok": true, "user_id": "U1"}'],
        "chat.update": [b'{"ok": false, "error": "edit_window_closed"}', b'{"ok": true, "channel": "C1", "ts": "1.5"}'],
        "conversations.history": history(ours("1.2"), ours("1.5")),
    }
    assert slow_chat.post("x", run="run-1", known=Posted("C1", "1.2"), since=1000.0) == Posted("C1", "1.5")
    asked = {"channel": ["C1"], "oldest": ["700.000000"], "limit": ["200"], "include_all_metadata": ["1"]}
    assert script.asked[2] == asked
    assert script.asked[3] == {"channel": "C1", "ts": "1.5", "text": "x"}


def test_what_is_no_history_holds_no_message(script: Script, slow_chat: SlackNotifier) -> None:
    script.body = POSTED
    for odd in (
        history(7, {}, {"metadata": 7}, {"metadata": {"event_type": "journeyman_run"}}),
        history(response_metadata=7),
        [b'{"ok": true, "messages": 7}'],
    ):
        script.answers = {"auth.test": [b'{"ok": true}'], "conversations.history": odd}
        assert slow_chat.post("x", run="run-1", known=None, since=0.0) == Posted("C1", "9.9")


def test_silence_and_nobody_there_are_unavailable(script: Script, slow_chat: SlackNotifier) -> None:
    script.silent = True
    with pytest.raises(Unavailable):
        slow_chat.post("x", run="run-1", known=None, since=None)
    nobody = SlackNotifier("xoxb-s", "C1", Log(), url="http://localhost:9/", timeout=1)
    with pytest.raises(Unavailable):
        nobody.post("x", run="run-1", known=None, since=None)
