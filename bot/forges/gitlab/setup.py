"""Prepare a GitLab project for the bot: the hook, the approval label, and what is to be known of the token."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

from bot.domain.change import Repo
from bot.domain.errors import ForgeError, Invalid, Stale
from bot.forges.gitlab.errors import translator
from bot.forges.gitlab.wire import Wire, part

Ensured = Literal["made", "changed", "found"]
FLAGS = {
    "push_events": True,
    "issues_events": True,
    "note_events": True,
    "merge_requests_events": True,
    "job_events": True,
    "pipeline_events": True,
    "tag_push_events": False,
    "confidential_issues_events": False,
    "confidential_note_events": False,
}
"""The events that a hook is to send: comments in confidence are not acted on, so they are not asked for."""


class _Token(Struct):
    scopes: list[str]
    expires_at: str | None = None


class _Permission(Struct):
    access_level: int = 0


class _Permissions(Struct):
    project_access: _Permission | None = None
    group_access: _Permission | None = None


class _Project(Struct):
    permissions: _Permissions | None = None


class _Hook(Struct):
    id: int
    url: str
    push_events: bool = False
    issues_events: bool = False
    note_events: bool = False
    merge_requests_events: bool = False
    job_events: bool = False
    pipeline_events: bool = False
    tag_push_events: bool = False
    confidential_issues_events: bool | None = False
    confidential_note_events: bool | None = False


class _Label(Struct):
    name: str


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """What a token may do: its scopes, its last day (None: it does not end, or GitLab does not say), and its level."""

    scopes: tuple[str, ...]
    ends: str | None
    level: int


class GitLabSetup:
    """Sets a project up as the account of `token`; everything can be said twice."""

    def __init__(self, token: str, repo: Repo, *, url: str, ca_file: str | None = None) -> None:
        self._wire = Wire(token, url.rstrip("/"), timeout=15, pacing=False, ca_file=ca_file)
        self._place = f"/projects/{part(repo.name)}"
        self._translated = translator(lambda: self._wire.headers)

    def close(self) -> None:
        """End the connections."""
        self._wire.close()

    def token(self) -> TokenFacts:
        """Look at the token; raises ForgeErrors."""
        with self._translated():
            project = self._wire.get(self._place, _Project)
            try:
                facts = self._token()
            except ForgeError:
                facts = _Token([])  # OAuth tokens have no such page
        given = project.permissions or _Permissions()
        levels = [one.access_level for one in (given.project_access, given.group_access) if one is not None]
        return TokenFacts(tuple(sorted(facts.scopes)), facts.expires_at, max(levels, default=0))

    def _token(self) -> _Token:
        with self._translated():
            return self._wire.get("/personal_access_tokens/self", _Token)

    def ensure_hook(self, address: str, secret: str) -> Ensured:
        """Have exactly one hook to this address with this secret and our events; raises ForgeErrors.

        GitLab never shows a hook's secret, so that of one that is there is set again.
        """
        if urlsplit(address).scheme not in ("http", "https"):
            raise Invalid(f"{address!r} is no address that GitLab could send to: it begins with https://")
        kind = "signing_token" if secret.startswith("whsec_") else "token"
        fields: dict[str, str | bool] = {"url": address, kind: secret, "enable_ssl_verification": True, **FLAGS}
        with self._translated():
            found = [one for one in self._wire.list(f"{self._place}/hooks", _Hook) if one.url == address]
            if not found:
                self._wire.write("post", f"{self._place}/hooks", _Hook, **fields)
                return "made"
            self._wire.write("put", f"{self._place}/hooks/{found[0].id}", _Hook, **fields)
        whole = all(bool(getattr(found[0], name)) == wanted for name, wanted in FLAGS.items())
        return "found" if whole else "changed"

    def ensure_label(self, name: str, color: str, description: str) -> Ensured:
        """Have a label of this name; one that is there keeps its looks."""
        with self._translated():
            if any(one.name == name for one in self._wire.list(f"{self._place}/labels", _Label)):
                return "found"
        return self._make_label(name, color, description)

    def _make_label(self, name: str, color: str, description: str) -> Ensured:
        try:
            with self._translated():
                words = {"name": name, "color": color, "description": description}
                self._wire.write("post", f"{self._place}/labels", _Label, **words)
        except Stale:
            return "found"  # somebody else was faster
        return "made"
