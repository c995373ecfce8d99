"""Apps, where they are installed, and the tokens whose rights are counted by permission instead of by role."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bot.devforge.model import Hook, Repository, User

Levels = dict[str, str]
"""Permission -> read or write."""
Needs = tuple[tuple[str, str], ...]
"""Permissions and levels of which any one is enough."""

LIFE = 3600.0
"""Seconds that an installation's token lasts."""


@dataclass(slots=True)
class App:
    """An app: its key's public half (PEM), what it asks for, and its own webhook."""

    id: int
    slug: str
    owner: User
    public_key: str
    permissions: Levels
    events: tuple[str, ...]
    created: float
    hook: Hook | None = None


@dataclass(slots=True)
class Installation:
    """An app in an account: in these repositories (in small letters), with these permissions."""

    id: int
    app: App
    account: User
    permissions: Levels
    repositories: set[str]
    created: float
    suspended: float | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token may do: in these repositories (None: all of its user's), until then.

    A token of an installation is bound to nothing but this; a fine-grained token of a person (no installation) also
    to that person's role.
    """

    permissions: Levels
    repositories: frozenset[str] | None
    until: float
    installation: Installation | None = None

    def covers(self, repo: Repository) -> bool:
        return self.repositories is None or repo.full_name.lower() in self.repositories

    def allows(self, needs: Needs) -> bool:
        return not needs or any(_at_least(self.permissions.get(name, ""), level) for name, level in needs)

    @property
    def refusal(self) -> str:
        """GitHub's words for a permission that is missing."""
        return f"Resource not accessible by {'integration' if self.installation else 'personal access token'}"


@dataclass(frozen=True, slots=True)
class Classic:
    """What is told of a classic token with every answer: its scopes, and its end if it has one."""

    scopes: tuple[str, ...]
    until: float | None


@dataclass(frozen=True, slots=True)
class Ruleset:
    """Rules of a branch: these checks, of this app (None: of anybody), which these logins may bypass."""

    id: int
    name: str
    branch: str
    contexts: tuple[str, ...]
    source: int | None
    bypass: tuple[str, ...]
    created: float


@dataclass(slots=True)
class Apps:
    """All of them, and the grants by token. `life` is how long new tokens last."""

    apps: dict[str, App] = field(default_factory=dict)
    installations: dict[int, Installation] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    classics: dict[str, Classic] = field(default_factory=dict)
    rulesets: dict[str, list[Ruleset]] = field(default_factory=dict)
    issued: list[str] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    life: float = LIFE
    manifests: dict[str, dict[str, Any]] = field(default_factory=dict)

    def told(self, token: str) -> dict[str, str]:
        """Return the headers in which GitHub tells of a person's token."""
        grant, classic = self.grants.get(token), self.classics.get(token)
        until = classic.until if classic else grant.until if grant and not grant.installation else None
        ends = datetime.fromtimestamp(until, UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if until is not None else ""
        headers = {"GitHub-Authentication-Token-Expiration": ends} if ends else {}
        return headers | ({"X-OAuth-Scopes": ", ".join(classic.scopes)} if classic else {})

    def by_issuer(self, issuer: str) -> App | None:
        """Return the app that a statement names by its number or its client id."""
        return next((app for app in self.apps.values() if issuer in (str(app.id), client_id(app))), None)

    def installed(self, app: App, repo: Repository) -> Installation | None:
        """Return an app's installation that covers a repository."""
        name = repo.full_name.lower()
        return next((one for one in self.installations.values() if one.app is app and name in one.repositories), None)

    def hooks(self, repo: Repository) -> list[Hook]:
        """Return the webhooks of the apps in a repository."""
        name = repo.full_name.lower()
        here = [one for one in self.installations.values() if name in one.repositories and one.suspended is None]
        return [one.app.hook for one in here if one.app.hook is not None]


def client_id(app: App) -> str:
    """Return the other name of an app in its statements."""
    return f"Iv23li{app.id:014d}"


def _at_least(has: str, wanted: str) -> bool:
    order = ("", "read", "write", "admin")
    return has in order and order.index(has) >= order.index(wanted)


_RULES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (r"PUT", r"/pulls/<int:number>/merge$", ("contents",)),
    (r"\w+", r"/branches/.+/protection", ("administration",)),
    (r"\w+", r"/(commits/.+/)?check-(runs|suites)", ("checks",)),
    (r"\w+", r"/(commits/.+/)?status(es)?(/|$)", ("statuses",)),
    (r"\w+", r"/commits/.+/pulls$", ("pull_requests", "contents")),
    (r"\w+", r"/(git|contents|commits|compare|branches)(/|$)", ("contents",)),
    (r"\w+", r"/pulls(/|$)", ("pull_requests",)),
    (r"\w+", r"/(issues|labels)(/|$)", ("issues", "pull_requests")),
    (r"\w+", r"/hooks(/|$)", ("repository_hooks",)),
    (r"\w+", r"/actions(/|$)", ("actions",)),
    (r"GET", r"", ("metadata",)),
    (r"\w+", r"", ("administration",)),
)


def needs(method: str, rule: str) -> Needs:
    """Return what a call about a repository needs; `rule` is what comes after the repository's name."""
    level = "read" if method == "GET" else "write"
    names = next(found for verb, path, found in _RULES if re.fullmatch(verb, method) and re.match(path, rule))
    return tuple((name, level) for name in names)
