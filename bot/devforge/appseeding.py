"""Seeding apps and tokens of permissions, and letting time and owners do their worst to them."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bot.devforge.apps import App, Classic, Grant, Installation, Ruleset
from bot.devforge.model import Hook
from bot.devforge.webhooks import may_send_to
from bot.devforge.world import World
from bot.domain.change import Role

_BITS = 2048
ALL = {
    "actions": "read",
    "checks": "write",
    "contents": "write",
    "issues": "write",
    "metadata": "read",
    "pull_requests": "write",
    "statuses": "write",
}
"""The permissions that an app has unless others are given: those that Journeyman asks for."""


class AppSeeding:
    """What a demo or a test does to apps without going through REST. Every call is safe from any thread."""

    def __init__(self, world: World) -> None:
        self.world = world

    def _app_calls(self) -> dict[str, Callable[..., Any]]:
        makes = (self.add_app, self.install, self.app_hook, self.add_ruleset)
        tokens = (self.add_fine_token, self.add_classic_token)
        fates = (self.allow, self.suspend, self.uninstall, self.expire_tokens, self.set_clock, self.set_life)
        return {call.__name__: call for call in (*makes, *tokens, *fates)}

    def add_app(
        self, slug: str, *, permissions: Mapping[str, str] = ALL, events: Sequence[str] = (), owner: str = "octo"
    ) -> dict[str, str]:
        """Add an app; returns its `id` and its private `key` (PEM), which is the same for all apps of a process."""
        with self.world.lock:
            private, public = _keys()
            number, now = self.world.next_id(), self.world.now()
            self.world.bot(slug)
            maker = self.world.user(owner)
            self.world.apps.apps[slug] = App(number, slug, maker, public, dict(permissions), tuple(events), now)
            return {"id": str(number), "key": private}

    def install(self, slug: str, repo: str, *, permissions: Mapping[str, str] | None = None) -> int:
        """Install an app on a repository, with the permissions that it asks for or these; returns the installation."""
        with self.world.lock:
            app, place = self.world.apps.apps[slug], self._place(repo)
            for one in self.world.apps.installations.values():
                if one.app is app and one.account is place.owner:
                    one.repositories.add(repo.lower())
                    break
            else:
                granted = dict(app.permissions if permissions is None else permissions)
                number = self.world.next_id()
                one = Installation(number, app, place.owner, granted, {repo.lower()}, self.world.now())
                self.world.apps.installations[number] = one
            place.roles[self.world.bot(slug).login] = Role.WRITE
            return one.id

    def app_hook(self, slug: str, url: str, secret: str) -> int:
        """Give an app its webhook (http on loopback only); it is sent the events that the app asks for."""
        if not may_send_to(url):
            raise ValueError(f"webhooks only go to http addresses on loopback, not to {url}")
        with self.world.lock:
            app = self.world.apps.apps[slug]
            app.hook = Hook(self.world.next_id(), url, secret, app.events, self.world.now())
            return app.hook.id

    def add_fine_token(
        self, login: str, permissions: Mapping[str, str], *, repos: Sequence[str] | None = None, seconds: float = 86400
    ) -> str:
        """Give a person a fine-grained token for these repositories (None: all of theirs), which ends."""
        with self.world.lock:
            value = self.world.token(self.world.user(login), None, Role.ADMIN).value
            names = None if repos is None else frozenset(name.lower() for name in repos)
            self.world.apps.grants[value] = Grant(dict(permissions), names, self.world.now() + seconds)
            return value

    def add_classic_token(self, login: str, scopes: Sequence[str], *, seconds: float | None = None) -> str:
        """Give a person a classic token with these scopes, which are told and not enforced."""
        with self.world.lock:
            value = self.world.token(self.world.user(login), None, Role.ADMIN).value
            until = None if seconds is None else self.world.now() + seconds
            self.world.apps.classics[value] = Classic(tuple(scopes), until)
            return value

    def add_ruleset(
        self,
        repo: str,
        name: str,
        contexts: Sequence[str],
        *,
        branch: str = "main",
        source: int | None = None,
        bypass: Sequence[str] = (),
    ) -> int:
        """Give a branch a ruleset that asks for these checks, of one app or of anybody; shown, not enforced."""
        with self.world.lock:
            made = self.world.next_id(), name, branch, tuple(contexts), source, tuple(bypass), self.world.now()
            self.world.apps.rulesets.setdefault(repo.lower(), []).append(Ruleset(*made))
            return made[0]

    def allow(self, installation: int, permissions: Mapping[str, str]) -> None:
        """Change what an installation may do; tokens keep what they were issued with."""
        with self.world.lock:
            self.world.apps.installations[installation].permissions = dict(permissions)

    def suspend(self, installation: int, *, on: bool = True) -> None:
        """Suspend an installation, or take that back."""
        with self.world.lock:
            self.world.apps.installations[installation].suspended = self.world.now() if on else None

    def uninstall(self, installation: int) -> None:
        """Take an app out of an account; its tokens end at once."""
        with self.world.lock:
            gone = self.world.apps.installations.pop(installation)
            self._drop(lambda grant: grant.installation is gone)

    def expire_tokens(self) -> int:
        """Let every installation's token end now; returns how many those were."""
        with self.world.lock:
            return self._drop(lambda grant: grant.installation is not None)

    def set_clock(self, ahead: float) -> None:
        """Set the forge's clock so many seconds ahead of the true time."""
        with self.world.lock:
            self.world.ahead = ahead

    def set_life(self, seconds: float) -> None:
        """Say how long an installation's tokens last from now on."""
        with self.world.lock:
            self.world.apps.life = seconds

    def _drop(self, which: Callable[[Grant], bool]) -> int:
        gone = [value for value, grant in self.world.apps.grants.items() if which(grant)]
        for value in gone:
            self.world.tokens.pop(value, None)
            del self.world.apps.grants[value]
        return len(gone)

    def _place(self, repo: str) -> Any:
        found = self.world.repo(repo)
        if found is None:
            raise KeyError(f"there is no repository {repo}")
        return found


@cache
def _keys() -> tuple[str, str]:
    """Return a private key and its public half (PEM), made once in a process: that takes a tenth of a second."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()
