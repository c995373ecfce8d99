"""The Notifier port over Slack's web API."""

import http.client
import math
import re
from collections.abc import Mapping
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web import SlackResponse

from bot.domain.errors import Denied, Unavailable
from bot.ports import Posted

_LONGEST = 3900  # Slack refuses updates of more than 4,000 characters
_PAUSE = 30.0  # what Slack's limits ask for when no Retry-After says more
_GONE = frozenset({"message_not_found", "edit_window_closed", "cant_update_message"})
_UNREADABLE = frozenset({"missing_scope", "no_permission", "not_in_channel"})
_PASSING = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable", "team_added_to_org"})
_WORD = re.compile(r"[a-z0-9_]+")  # anything else is the library's text about an answer that is no JSON
_RUN = "journeyman_run"
_PAGES = 10
_SKEW = 300.0  # seconds by which Slack's clock may be behind ours
_LIMITED = frozenset({"ratelimited", "rate_limited"})


class SlackNotifier:
    """Says things in one channel. `url` is the root of the web API, `timeout` the seconds for each answer."""

    def __init__(self, token: str, channel: str, *, url: str = "https://slack.com/api/", timeout: int = 10) -> None:
        self._channel = channel
        base = url if url.endswith("/") else f"{url}/"
        # Without the library's own retries: a message whose answer was lost would be posted twice.
        self._client = WebClient(token=token, base_url=base, timeout=timeout, retry_handlers=[])

    def post(self, text: str, *, run: str, known: Posted | None) -> Posted:
        """Post a run's message, or bring the known one up to date; one that is gone or too old is posted anew.

        The text is shown as it is: nothing in it can link, mention or unfurl. Raises Unavailable or Denied.
        """
        shown = _escaped(text)
        if known is not None:
            try:
                return self._call("update", channel=known.channel, ts=known.timestamp, text=shown)
            except _Gone:
                pass
        mark = {"event_type": _RUN, "event_payload": {"run": run}}
        named = {"channel": self._channel, "text": shown, "metadata": mark}
        return self._call("postMessage", **named, unfurl_links=False, unfurl_media=False)

    def find(self, run: str, *, since: float) -> Posted | None:
        """Look for our message of a run in the channel's history; None where the token lacks the scope to look.

        Slack takes the channel's id only here, never its name. Raises Unavailable or Denied.
        """
        cursor = ""
        for _ in range(_PAGES):
            try:
                answer = self._ask(
                    "conversations.history",
                    params={"channel": self._channel, "oldest": f"{since - _SKEW:.6f}", "limit": 200}
                    | {"include_all_metadata": "true", "cursor": cursor},
                )
            except _MayNotLook:
                return None
            for message in answer.get("messages") or ():
                if _is_of(run, message):
                    return Posted(self._channel, str(message["ts"]))
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return None
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


def _is_of(run: str, message: object) -> bool:
    """Tell whether a message is marked as ours; marks of other apps have their own type, or are not shown to us."""
    mark = message.get("metadata") if isinstance(message, dict) else None
    if not isinstance(mark, dict) or not isinstance(message, dict) or not isinstance(message.get("ts"), str):
        return False
    payload = mark.get("event_payload")
    return mark.get("event_type") == _RUN and isinstance(payload, dict) and payload.get("run") == run


class _MayNotLook(Denied):
    """The token cannot read the channel's history."""


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
    if word in _UNREADABLE:
        return _MayNotLook(f"Slack: {word}")
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
