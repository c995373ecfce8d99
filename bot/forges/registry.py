"""Which forges there are."""

from collections.abc import Mapping, Sequence

from bot.domain.errors import ConfigError
from bot.domain.events import Delivery, ForgeEvent
from bot.domain.redaction import Redaction
from bot.forges.credentials import AppKey
from bot.forges.github import webhook as github
from bot.forges.gitlab import webhook as gitlab
from bot.ports import Forge


def forge_for(
    name: str,
    credential: str | AppKey,
    *,
    url: str | None = None,
    bot_login: str | None = None,
    pacing: bool = True,
    ca_file: str | None = None,
    hidden: Redaction | None = None,
) -> Forge:
    """Return the adapter for a forge by name; `url` is its API's (GitLab: its root), None for the public service.

    `hidden` learns what is issued at run time.
    """
    match name:  # the receiver reads deliveries only, and needs no client
        case "github":
            from bot.forges.github.api import GitHubForge

            address = url or "https://api.github.com"
            return GitHubForge(
                credential, url=address, bot_login=bot_login, pacing=pacing, ca_file=ca_file, hidden=hidden
            )
        case "gitlab":
            from bot.forges.gitlab.api import GitLabForge

            address = url or "https://gitlab.com"
            if not isinstance(credential, str):
                raise ConfigError("GitLab has no Apps: give a token")
            return GitLabForge(credential, url=address, bot_login=bot_login, pacing=pacing, ca_file=ca_file)
        case other:
            raise _unknown(other)


def read(forge: str, headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> tuple[Delivery, ForgeEvent]:
    """Authenticate and read a delivery to the hook of a forge; raises BadSignature or BadBody."""
    match forge:
        case "github":
            return github.read(headers, body, secrets)
        case "gitlab":
            return gitlab.read(headers, body, secrets)
        case other:
            raise _unknown(other)


def event_of(delivery: Delivery) -> ForgeEvent:
    """Read a stored delivery of any forge once more."""
    match delivery.forge:
        case "github":
            return github.event_of(delivery)
        case "gitlab":
            return gitlab.event_of(delivery)
        case other:
            raise _unknown(other)


def _unknown(name: str) -> ConfigError:
    return ConfigError(f"there is no forge called {name!r}; those we have are github and gitlab")
