"""The Notifier port over Slack's web API."""

import http.client
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web import SlackResponse

from bot.domain.errors import Denied, Unavailable
from bot.ports import Posted

_LONGEST = 3900  # Slack refuses updates of more than 4,000 characters
_PAUSE = 30.0  # what Slack's limits ask for when no Retry-After says more
_GONE = frozenset({"message_not_found", "edit_window_closed", "cant_update_message"})
_PASSING = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable", "team_added_to_org"})
_WORD = re.compile(r"[a-z0-9_]+")  # anything else is the library's text about an answer that is no JSON
_RUN = "journeyman_run"  # the type of the metadata that names the run of a message
_PAGES, _PAGE = 10, 200
_SKEW = 300.0  # seconds by which Slack's clock may be behind ours
_FIX = (
    "give the Slack app the scope channels:history (groups:history for a private channel), invite it to the channel, "
    "and set JOURNEYMAN_SLACK_CHANNEL to the channel's id, not its name"
)
_LIMITED = frozenset({"ratelimited", "rate_limited"})


class SlackNotifier:
    """Says things in one channel. `url` is the root of the web API, `timeout` the seconds for each answer.

    `log(event, level=..., **fields)` is told when a message may have been posted twice.
    """

    def __init__(
        self,
        token: str,
        channel: str,
        log: Callable[..., None],
        *,
        url: str = "https://slack.com/api/",
        timeout: int = 10,
    ) -> None:
        self._channel, self._log = channel, log
        base = url if url.endswith("/") else f"{url}/"
        # Without the library's own retries: a message whose answer was lost would be posted twice.
        self._client = WebClient(token=token, base_url=base, timeout=timeout, retry_handlers=[])

    def post(self, text: str, *, run: str, known: Posted | None, since: float | None) -> Posted:
        """Post a run's message, or bring the known one up to date; one that is gone or too old is posted anew.

        With `since`, the channel's history from then on is searched for the run's message before one is posted; where
        we may not look, it is posted, and the log says so. The text is shown as it is: nothing in it can link, mention
        or unfurl. Raises Unavailable or Denied.
        """
        shown = _escaped(text)
        posted = self._update(known, shown)
        if posted is None and since is not None:
            posted = self._update(self._find(run, since, known), shown)
        if posted is not None:
            return posted
        mark = {"event_type": _RUN, "event_payload": {"run": run}}
        named = {"channel": self._channel, "text": shown, "metadata": mark}
        return self._call("postMessage", **named, unfurl_links=False, unfurl_media=False)

    def _update(self, there: Posted | None, shown: str) -> Posted | None:
        """Change a message; None where there is none, or none that can be changed."""
        if there is None:
            return None
        try:
            return self._call("update", channel=there.channel, ts=there.timestamp, text=shown)
        except _Gone:
            return None

    def _find(self, run: str, since: float, gone: Posted | None) -> Posted | None:
        """Look for our message of a run, other than the one that is gone; None also where we may not look."""
        try:
            return self._search(run, since, gone)
        except Denied as error:
            # Chat is for people: a message twice is better than none. Where the token is no good, posting says so.
            told = {"run": run, "error": str(error), "fix": _FIX}
            self._log("the chat's history may not be read: a message may be there twice", level="warning", **told)
            return None

    def _search(self, run: str, since: float, gone: Posted | None) -> Posted | None:
        me = str(self._ask("auth.test").get("user_id"))
        oldest = f"{max(since - _SKEW, 0.0):.6f}"
        asked = {"channel": self._channel, "oldest": oldest, "limit": _PAGE, "include_all_metadata": True}
        for _ in range(_PAGES):
            page = self._ask("conversations.history", params=asked)
            for message in _messages(page):
                there = Posted(self._channel, str(message.get("ts")))
                if message.get("user") == me and _run_of(message) == run and there != gone:
                    return there
            cursor = _cursor(page)
            if not cursor:
                return None
            asked["cursor"] = cursor
        told = {"run": run, "messages": _PAGES * _PAGE}
        self._log("the chat's history is too long: a message may be there twice", level="warning", **told)
        return None

    def _call(self, method: str, **arguments: object) -> Posted:
        answer = self._ask(f"chat.{method}", json=arguments)
        channel, timestamp = answer.get("channel"), answer.get("ts")
        if not isinstance(channel, str) or not isinstance(timestamp, str):
            raise Unavailable("Slack did not say where the message stands")
        return Posted(channel, timestamp)

    def _ask(self, method: str, **arguments: Any) -> dict[str, Any]:
        try:
            data = self._client.api_call(method, **arguments).data
        except SlackApiError as error:
            raise _error(error.response) from error
        except (OSError, http.client.HTTPException, SlackClientError, ValueError) as error:
            raise Unavailable(f"Slack could not be reached or understood ({type(error).__name__})") from error
        if not isinstance(data, dict):
            raise Unavailable("Slack's answer is no JSON object")
        return data


def _messages(page: dict[str, Any]) -> list[dict[str, Any]]:
    rows = page.get("messages")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _cursor(page: dict[str, Any]) -> str:
    """Return what leads to the next page; empty on the last one."""
    after = page.get("response_metadata")
    return str(after.get("next_cursor") or "") if isinstance(after, dict) else ""


def _run_of(message: dict[str, Any]) -> object:
    """Return the run that a message's metadata names; anything may stand there, since other apps write it as well."""
    mark = message.get("metadata")
    payload = mark.get("event_payload") if isinstance(mark, dict) and mark.get("event_type") == _RUN else None
    return payload.get("run") if isinstance(payload, dict) else None


class _Gone(Denied):
    """The message cannot be changed any more."""


def _error(response: SlackResponse | dict[str, Any]) -> Denied | Unavailable:
    """Return the error for an answer that is not `ok`; the library hands out what is no JSON as a plain dict."""
    if isinstance(response, dict):
        status, headers, word = int(response.get("status") or 500), response.get("headers") or {}, "not_json"
    else:
        status, headers = response.status_code, response.headers
        word = str(response.get("error") or "no_reason")[:100]
    if status == 429 or word in _LIMITED:
        return Unavailable("Slack asks for a pause", _pause(headers))
    if status >= 500 or word in _PASSING or not _WORD.fullmatch(word):
        return Unavailable(f"Slack cannot answer now: {word}")
    if word in _GONE:
        return _Gone(f"Slack: {word}")
    return Denied(f"Slack refuses: {word}; check the token, its scopes, and that the bot is in the channel")


def _pause(headers: Mapping[str, Any]) -> float:
    given = {name.lower(): value for name, value in headers.items()}
    try:
        seconds = float(given["retry-after"])
    except (KeyError, TypeError, ValueError):
        return _PAUSE
    return seconds if math.isfinite(seconds) and seconds >= 0 else _PAUSE


def _escaped(text: str) -> str:
    """Return the text for mrkdwn, within Slack's limit, never cut inside an escape."""
    shown = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if len(shown) <= _LONGEST:
        return shown or " "
    return re.sub(r"&[a-z]{0,3}$", "", shown[: _LONGEST - 1]) + "\u2026"
