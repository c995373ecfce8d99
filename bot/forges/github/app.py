"""A GitHub App's credentials: a signed statement of who we are, exchanged for short-lived tokens.

Each token is for one repository and one phase, with no more permissions than that phase asks for and the installation
has. It is replaced before it ends, and once more when GitHub refuses it earlier. What a push or a merge was given is
revoked when that is over, and all the rest when we end; at most 32 are held at once.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from github import Auth
from github.Requester import Requester

from bot.domain.change import Repo
from bot.domain.errors import ConfigError, Denied, ForgeError, Invalid, NotFound, Unavailable
from bot.domain.redaction import Redaction
from bot.forges.credentials import AppKey
from bot.forges.github.credentials import NEEDED, PERMISSIONS, SHORT, Phase
from bot.forges.github.errors import translated
from bot.forges.github.wire import Pace, PatientRequester, Renewable, Wire

_BACKDATED = 60  # seconds, as GitHub advises, for clocks that are not quite right
_JWT_SECONDS = 9 * 60  # of the ten minutes that GitHub allows
_MARGIN = 300.0  # seconds before its end that a token is replaced
_MOST = 32
_SKEWED = 5.0


class AppAuth(Renewable):
    """The App itself: a statement signed anew for each request, dated by GitHub's clock where ours differs."""

    def __init__(self, key: AppKey) -> None:
        self._app = key.app
        self._key = _private_key(key.pem)
        self._ahead = 0.0

    @property
    def token_type(self) -> str:
        """The scheme of the header."""
        return "Bearer"

    @property
    def token(self) -> str:
        """The statement: who we are, from a minute ago until ten minutes after that at most."""
        now = int(time.time() + self._ahead)
        claims = {"iat": now - _BACKDATED, "exp": now - _BACKDATED + _JWT_SECONDS, "iss": self._app}
        return jwt.encode(claims, self._key, algorithm="RS256")

    def renewed(self, headers: Mapping[str, Any]) -> bool:
        """Set our clock by GitHub's; True when it was wrong, and that may have been why it refused us."""
        before, self._ahead = self._ahead, _date(headers) - time.time()
        return abs(self._ahead - before) > _SKEWED


@dataclass(frozen=True, slots=True)
class Installation:
    """The App's place in an account: what it may do there, and the page where its owner changes that."""

    number: int
    permissions: Mapping[str, str]
    page: str
    suspended: str
    all_repositories: bool
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Issued:
    """A token and the time on our own steady clock when it is to be replaced."""

    token: str
    until: float
    permissions: Mapping[str, str]


class App:
    """The App's credentials, by repository and phase. Calls come one at a time: the adapter sees to that."""

    def __init__(
        self, key: AppKey, wire: Wire, hidden: Redaction, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._wire = wire
        self.steady = steady
        self._hidden = hidden
        self.unpaced = replace(wire, pace=Pace(0.0))  # GitHub's pace is for what people are shown
        self.requests: PatientRequester = self.unpaced.requester(AppAuth(key))
        self._grants: OrderedDict[tuple[str, Phase], _Grant] = OrderedDict()
        self._login: str | None = None

    # --- what the adapter needs -------------------------------------------------------------------------------------
    def requester(self, repo: Repo, phase: Phase) -> Requester:
        """Return a way to make requests that need no more than this phase's permissions."""
        return self._grant(repo, phase).requests

    def secret(self, repo: Repo, phase: Phase) -> str:
        """Return a token that lasts for some minutes at least."""
        return self._grant(repo, phase).token

    def login(self) -> str:
        """Return the login of the App's bot."""
        if self._login is None:
            self._login = f"{self.about()['slug']}[bot]"
        return self._login

    def over(self, repo: Repo, phase: Phase) -> None:
        """Revoke the token of a push or a merge; the others are kept for the next call."""
        if phase in SHORT and (repo.name.lower(), phase) in self._grants:
            self._grants.pop((repo.name.lower(), phase)).end()

    def close(self) -> None:
        """Revoke every token and end the connections."""
        while self._grants:
            self._grants.popitem()[1].end()
        self.requests.close()

    # --- asking GitHub ----------------------------------------------------------------------------------------------
    def about(self) -> dict[str, Any]:
        """Return what GitHub knows of the App."""
        try:
            with translated():
                return _object(self.requests.requestJsonAndCheck("GET", "/app")[1])
        except NotFound as error:
            raise Unavailable(f"{error}; check JOURNEYMAN_GITHUB_APP_ID: this GitHub has no such App") from error

    def installation(self, repo: Repo) -> Installation:
        """Return the installation that covers a repository; raises Denied with what to do where there is none."""
        try:
            with translated():
                found = _object(self.requests.requestJsonAndCheck("GET", f"/repos/{repo.name}/installation")[1])
        except NotFound as error:
            page = f"{self.about()['html_url']}/installations/new"
            raise Denied(f"the GitHub App is not installed on {repo.name}: install it there at {page}") from error
        return Installation(
            number=int(found["id"]),
            permissions={name: str(level) for name, level in _object(found["permissions"]).items()},
            page=str(found["html_url"]),
            suspended=str(found.get("suspended_at") or ""),
            all_repositories=found.get("repository_selection") == "all",
            events=tuple(str(name) for name in found.get("events") or ()),
        )

    def issue(self, repo: Repo, phase: Phase) -> Issued:
        """Have a token issued; raises Denied or Unavailable with the page where its owner mends what is wrong."""
        place = self.installation(repo)
        if place.suspended:
            raise Unavailable(
                f"the GitHub App's installation on {repo.name} was suspended on {place.suspended[:10]}: "
                f"take that back at {place.page}, and the work goes on"
            )
        allowed = _allowed(repo, phase, place)
        asked = {"repositories": [repo.name.partition("/")[2]], "permissions": allowed}
        path = f"/app/installations/{place.number}/access_tokens"
        try:
            with translated():
                headers, answer = self.requests.requestJsonAndCheck("POST", path, input=asked)
                found = _object(answer)
                token, life = str(found["token"]), _moment(found["expires_at"]) - _date(headers)
        except Invalid as error:
            raise Denied(f"{error}; see what the installation on {repo.name} allows at {place.page}") from error
        self._hidden.issued(token)
        return Issued(token, self.steady() + life - min(_MARGIN, life / 2), allowed)

    def _grant(self, repo: Repo, phase: Phase) -> "_Grant":
        key = (repo.name.lower(), phase)
        grant = self._grants.get(key)
        if grant is None:
            grant = self._grants[key] = _Grant(self, self._wire.requester, repo, phase)
        self._grants.move_to_end(key)
        while len(self._grants) > _MOST:
            self._grants.popitem(last=False)[1].end()
        try:
            self._hidden.issued(grant.token)
        except ForgeError:
            self._grants.pop(key, None)
            raise
        return grant


class _Grant(Renewable):
    """What one phase of work on one repository is done with: a token, replaced when its time comes."""

    def __init__(self, app: App, line: Callable[[Auth.Auth], PatientRequester], repo: Repo, phase: Phase) -> None:
        self._app = app
        self._repo = repo
        self._phase = phase
        self._issued: Issued | None = None
        self.requests: PatientRequester = line(self)

    @property
    def token_type(self) -> str:
        """The scheme of the header."""
        return "token"

    @property
    def token(self) -> str:
        """A token whose time is not up."""
        if self._issued is None or self._app.steady() >= self._issued.until:
            self._issued = self._app.issue(self._repo, self._phase)
        return self._issued.token

    def renewed(self, headers: Mapping[str, Any]) -> bool:
        """Have another one issued in place of one that was refused."""
        del headers
        self._issued = None
        return bool(self.token)

    def end(self) -> None:
        """Revoke the token if there is one; one that cannot be revoked ends by itself within the hour."""
        issued, self._issued = self._issued, None
        if issued is not None:
            revoking = self._app.unpaced.requester(Auth.Token(issued.token))
            with suppress(ForgeError), translated():
                revoking.requestJsonAndCheck("DELETE", "/installation/token")
            revoking.close()
        self.requests.close()


def _allowed(repo: Repo, phase: Phase, place: Installation) -> dict[str, str]:
    """Return what of a phase's permissions the installation has; raises Denied when the phase cannot do without."""
    asked = PERMISSIONS[phase]
    has = {name: place.permissions.get(name, "") for name in asked}
    lacking = [f"{name}: {asked[name]}" for name in sorted(NEEDED[phase]) if _rank(has[name]) < _rank(asked[name])]
    if lacking:
        raise Denied(
            f"{phase} on {repo.name} needs the permission {', '.join(lacking)}, which the GitHub App's installation "
            f"does not have: give it to the App, and accept it at {place.page}"
        )
    return {name: min(level, asked[name], key=_rank) for name, level in has.items() if level}


def _rank(level: str) -> int:
    return ("", "read", "write", "admin").index(level) if level in ("read", "write", "admin") else 0


def _private_key(pem: str) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise ConfigError(
            "JOURNEYMAN_GITHUB_APP_KEY is no RSA private key in PEM without a passphrase: generate one on the App's "
            "page (Private keys) and name the file that GitHub gives you in JOURNEYMAN_GITHUB_APP_KEY_FILE"
        )
    return key


def _object(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise Unavailable("GitHub's answer could not be read (it is no object)")
    return answer


def _moment(text: Any) -> float:
    return datetime.fromisoformat(str(text).replace("Z", "+00:00")).timestamp()


def _date(headers: Mapping[str, Any]) -> float:
    """Return the time by GitHub's clock, by ours where it does not say."""
    try:
        return parsedate_to_datetime(str(headers["date"])).timestamp()
    except (KeyError, ValueError):
        return time.time()
