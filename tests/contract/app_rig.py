"""GitHub with the bot as an App: what was issued to it, and what became of that."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from bot.devforge.apps import Grant
from bot.domain.redaction import Redaction
from bot.forges.credentials import AppKey
from bot.forges.github.api import GitHubForge
from tests.contract.forge_rig import NAME, Rig, running
from tests.contract.github_rig import GitHubRig

SLUG = "journeyman"
WAYS = ("token", "app")


@dataclass
class AppRig:
    """A forge on which the App is installed, and the App's view of it."""

    rig: GitHubRig
    key: AppKey
    installation: int
    forge: GitHubForge
    hidden: Redaction

    def issued(self) -> list[tuple[str, Grant]]:
        """Return the tokens that were issued and still are taken."""
        world = self.rig.dev.world
        with world.lock:
            return [(value, world.apps.grants[value]) for value in world.apps.issued if value in world.apps.grants]

    def granted(self) -> list[dict[str, str]]:
        """Return the permissions of each of those, without that which all have."""
        rows = [dict(grant.permissions) for _, grant in self.issued()]
        for row in rows:
            assert row.pop("metadata") == "read"
        return rows

    def asked(self, what: str) -> int:
        """Count the requests whose path ends so."""
        return sum(path.endswith(what) for _, path in self.rig.seen)

    @property
    def revoked(self) -> list[str]:
        return self.rig.dev.world.apps.revoked


@contextmanager
def as_app(**options: Any) -> Iterator[AppRig]:
    """Start a GitHub on which the App is installed; its adapter takes the place of the token's."""
    with running("github") as rig:
        made = rig.dev.add_app(SLUG)
        installation = rig.dev.install(SLUG, NAME)
        key, hidden = AppKey(made["id"], made["key"]), Redaction()
        forge = GitHubForge(key, url=rig.dev.api_url, pacing=False, hidden=hidden, **options)
        plain, rig.forge = rig.forge, forge
        try:
            yield AppRig(cast(GitHubRig, rig), key, installation, forge, hidden)
        finally:
            forge.close()
            rig.forge = plain


@contextmanager
def github_as(way: str) -> Iterator[Rig]:
    """Start a GitHub that the bot speaks to with a token, or as an App."""
    if way == "token":
        with running("github") as rig:
            yield rig
        return
    with as_app() as app:
        yield app.rig
