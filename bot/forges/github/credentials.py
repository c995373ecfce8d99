"""The credentials that a GitHub is spoken to with: one plain token, or an App's tokens for one repository and phase."""

from enum import StrEnum
from typing import Protocol

from github import Auth
from github.AuthenticatedUser import AuthenticatedUser
from github.Requester import Requester

from bot.domain.change import Repo
from bot.domain.errors import Denied
from bot.domain.redaction import Redaction
from bot.forges.github.errors import translated
from bot.forges.github.snapshots import known
from bot.forges.github.wire import PatientRequester, Wire


class Phase(StrEnum):
    """What a credential is used for just now."""

    READ = "reading"
    TALK = "talking"
    FETCH = "fetching"
    PUSH = "pushing"
    PROPOSE = "proposing"
    MERGE = "merging"
    HOOKS = "looking after hooks"


PERMISSIONS: dict[Phase, dict[str, str]] = {
    Phase.READ: {
        "metadata": "read",
        "contents": "read",
        "issues": "read",
        "pull_requests": "read",
        "checks": "read",
        "statuses": "read",
        "actions": "read",
    },
    Phase.TALK: {
        "metadata": "read",
        "contents": "read",
        "issues": "write",
        "pull_requests": "write",
        "checks": "write",
        "statuses": "write",
    },
    Phase.FETCH: {"metadata": "read", "contents": "read"},
    Phase.PUSH: {"metadata": "read", "contents": "write"},
    Phase.PROPOSE: {"metadata": "read", "contents": "read", "pull_requests": "write"},
    Phase.MERGE: {"metadata": "read", "contents": "write", "pull_requests": "write"},
    Phase.HOOKS: {"metadata": "read", "repository_hooks": "write"},
}
"""What each phase asks for: comments, labels, reactions and the gate are talking, opening a change is proposing."""

NEEDED: dict[Phase, frozenset[str]] = {
    Phase.READ: frozenset({"contents", "issues", "pull_requests"}),
    Phase.TALK: frozenset({"issues", "pull_requests"}),
    Phase.FETCH: frozenset({"contents"}),
    Phase.PUSH: frozenset({"contents"}),
    Phase.PROPOSE: frozenset({"pull_requests"}),
    Phase.MERGE: frozenset({"contents", "pull_requests"}),
    Phase.HOOKS: frozenset({"repository_hooks"}),
}
"""What a phase cannot do without; GitHub itself refuses the single request that lacks one of the others."""

SHORT = frozenset({Phase.PUSH, Phase.MERGE})
"""Phases whose credential is revoked as soon as they are over."""


def wanted() -> dict[str, str]:
    """Return all that the bot cannot work without: what an App or a fine-grained token is to be given.

    An App has a hook of its own, so looking after those of repositories is not among it.
    """
    levels: dict[str, str] = {}
    for phase, one in PERMISSIONS.items():
        if phase is Phase.HOOKS:
            continue
        for name, level in one.items():
            levels[name] = "write" if "write" in (level, levels.get(name)) else "read"
    return levels


class Credential(Protocol):
    """What the adapter speaks with. Every method may ask GitHub and raises ForgeErrors."""

    def requester(self, repo: Repo, phase: Phase) -> Requester:
        """Return a way to make requests about one repository."""
        ...

    def login(self) -> str:
        """Return the bot's login."""
        ...

    def secret(self, repo: Repo, phase: Phase) -> str:
        """Return the password for git."""
        ...

    def over(self, repo: Repo, phase: Phase) -> None:
        """Take back what a phase was given; never raises."""
        ...

    def close(self) -> None:
        """Take back all that was issued and end the connections; never raises for what GitHub says."""
        ...


class PlainToken:
    """A personal token, or any other that somebody else issued: one for every phase, and never revoked by us."""

    def __init__(self, token: str, wire: Wire, hidden: Redaction) -> None:
        hidden.issued(token)
        self._token = token
        self.anywhere: PatientRequester = wire.requester(Auth.Token(token))

    def requester(self, repo: Repo, phase: Phase) -> Requester:
        """Return the one that serves all."""
        del repo, phase
        return self.anywhere

    def login(self) -> str:
        """Return whose token it is."""
        try:
            with translated():
                return known(AuthenticatedUser(self.anywhere, url="/user").login)
        except Denied as error:
            raise Denied(f"{error}; an installation token cannot ask who it is: set the bot's login") from error

    def secret(self, repo: Repo, phase: Phase) -> str:
        """Return the token itself: it cannot be narrowed."""
        del repo, phase
        return self._token

    def over(self, repo: Repo, phase: Phase) -> None:
        """Leave it: it is not ours to revoke."""

    def close(self) -> None:
        """End the connections."""
        self.anywhere.close()
