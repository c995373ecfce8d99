"""The Notifier port over the real Slack SDK: devforge's chat, and Slack's rarer answers from a small server."""

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest

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


def notifier(dev: DevForge, *, token: str = TOKEN, channel: str = "agent") -> Notifier:
    return SlackNotifier(token, channel, url=f"{dev.url}/slack/api")


def test_a_message_is_posted_and_then_changed_in_place(dev: DevForge) -> None:
    chat = notifier(dev)
    first = chat.post("working", run="run-1", known=None)
    assert chat.post("done", run="run-1", known=first) == first
    (message,) = dev.slack_messages()
    assert (message.text, message.ts, message.edited) == ("done", first.timestamp, True)


def test_a_message_that_is_gone_is_posted_anew(dev: DevForge) -> None:
    chat = notifier(dev)
    first = chat.post("working", run="run-1", known=None)
    second = chat.post("done", run="run-1", known=Posted(first.channel, "1.000001"))
    assert second.timestamp not in (first.timestamp, "1.000001")
    assert [message.text for message in dev.slack_messages()] == ["working", "done"]


def by_id(dev: DevForge) -> Notifier:
    return notifier(dev, channel=dev.add_slack(token=TOKEN, channel="agent"))


def test_the_message_of_a_run_is_found_again(dev: DevForge) -> None:
    chat, began = by_id(dev), time.time()
    first = chat.post("working", run="run-1", known=None)
    assert chat.find("run-2", since=began) is None
    for number in range(3, 240):  # more than a page
        chat.post("other", run=f"run-{number}", known=None)
    assert chat.find("run-1", since=began) == first
    assert chat.find("run-1", since=began + 1000) is None, "it is older than that"


def test_somebody_elses_words_are_no_mark(dev: DevForge) -> None:
    chat, began = by_id(dev), time.time()
    dev.world.chat.messages += [
        Message("C", "1", "maria", "run-1"),
        Message(
            dev.add_slack(token=TOKEN, channel="agent"), f"{began:.6f}", "maria", "run-1", metadata={"event_type": "x"}
        ),
    ]
    assert chat.find("run-1", since=began) is None


def test_a_token_that_may_not_look_finds_nothing(dev: DevForge) -> None:
    chat, began = by_id(dev), time.time()
    chat.post("working", run="run-1", known=None)
    dev.world.chat.blind.add("journeyman")
    assert chat.find("run-1", since=began) is None


def test_an_outage_while_looking_is_no_answer(dev: DevForge) -> None:
    dev.fail_next("*", "^/slack/api/conversations.history$", status=503)
    with pytest.raises(Unavailable):
        by_id(dev).find("run-1", since=time.time())


def test_what_people_wrote_cannot_mention_or_link(dev: DevForge) -> None:
    notifier(dev).post("<!channel> <https://evil.invalid|click> a & b", run="run-1", known=None)
    (message,) = dev.slack_messages()
    assert message.text == "&lt;!channel&gt; &lt;https://evil.invalid|click&gt; a &amp; b"


@pytest.mark.parametrize("text", ["x" * 50_000, "&" * 50_000, "ab<" * 20_000])
def test_a_long_message_is_cut_between_characters(dev: DevForge, text: str) -> None:
    notifier(dev).post(text, run="run-1", known=None)
    (message,) = dev.slack_messages()
    assert len(message.text) <= 4000
    assert message.text.endswith("\u2026")
    assert not any(message.text[:-1].endswith(part) for part in ("&", "&a", "&am", "&amp", "&l", "&lt"))


def test_an_empty_message_is_still_a_message(dev: DevForge) -> None:
    assert notifier(dev).post("", run="run-1", known=None).timestamp


def test_a_wrong_token_and_an_unknown_channel_are_denied(dev: DevForge) -> None:
    with pytest.raises(Denied, match="invalid_auth") as caught:
        notifier(dev, token="xoxb-wrong-one").post("x", run="run-1", known=None)
    assert "xoxb-wrong-one" not in str(caught.value)
    with pytest.raises(Denied, match="channel_not_found"):
        notifier(dev, channel="nowhere").post("x", run="run-1", known=None)


# --- rarer answers --------------------------------------------------------------------------------------------------
class Script:
    """What the small server answers, and whether it should be silent."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = b"{}"
        self.silent = False
        self.over = Event()
        self.asked: list[dict[str, object]] = []


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def slow_chat(script: Script) -> Iterator[SlackNotifier]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            script.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            if script.silent:
                script.over.wait(20)
                return
            self.send_response(script.status)
            for name, value in {**script.headers, "Content-Length": str(len(script.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(script.body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield SlackNotifier("xoxb-s", "C1", url=f"http://127.0.0.1:{server.server_port}/", timeout=1)
        finally:
            script.over.set()
            server.shutdown()
            thread.join(timeout=10)


def test_nothing_unfurls(script: Script, slow_chat: SlackNotifier) -> None:
    script.body = b'{"ok": true, "channel": "C1", "ts": "1.2"}'
    assert slow_chat.post("x", run="run-1", known=None) == Posted("C1", "1.2")
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
        slow_chat.post("x", run="run-1", known=None)
    assert caught.value.retry_after == pause
    assert len(script.asked) == 1


@pytest.mark.parametrize("word", ["token_revoked", "not_in_channel", "is_archived", "missing_scope", "something_new"])
def test_a_refusal_is_denied(script: Script, slow_chat: SlackNotifier, word: str) -> None:
    script.body = json.dumps({"ok": False, "error": word}).encode()
    with pytest.raises(Denied, match=word):
        slow_chat.post("x", run="run-1", known=None)


def test_silence_and_nobody_there_are_unavailable(script: Script, slow_chat: SlackNotifier) -> None:
    script.silent = True
    with pytest.raises(Unavailable):
        slow_chat.post("x", run="run-1", known=None)
    with pytest.raises(Unavailable):
        SlackNotifier("xoxb-s", "C1", url="http://localhost:9/", timeout=1).post("x", run="run-1", known=None)
