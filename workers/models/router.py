"""From settings to candidates. Values come from bot/config.py; nothing here reads the environment."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from bot.domain.errors import ConfigError
from workers.models.gateway import Candidate

OPENAI_DEFAULT = "gpt-6.2-sol"
ANTHROPIC_DEFAULT = "claude-sonnet-5-5"


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Where models are. `url` with `api` names one endpoint of your own; the keys name the two clouds.

    `api_key` goes to `url` only, and the cloud keys never do.
    """

    url: str = ""
    api: Literal["openai", "anthropic"] = "openai"
    name: str = ""
    api_key: str = ""
    openai_key: str = ""
    anthropic_key: str = ""


def candidates_from(settings: ModelSettings) -> tuple[Candidate, ...]:
    """Return the candidates in the order to try them; none when no model is configured.

    With a `url` only that endpoint is used and nothing falls back to a cloud: data stays where it was sent.
    Raises ConfigError for an address that cannot be used. The SDKs are imported only when asked for: they take
    seconds, and most installations use one or none.
    """
    if settings.url:
        return (_own_endpoint(settings),)
    wants_claude = settings.name.startswith("claude")
    clouds: list[Candidate] = []
    if settings.openai_key:
        name = OPENAI_DEFAULT if wants_claude or not settings.name else settings.name
        clouds.append(_openai(name, settings.openai_key))
    if settings.anthropic_key:
        name = settings.name if wants_claude else ANTHROPIC_DEFAULT
        clouds.append(_anthropic(name, settings.anthropic_key))
    return tuple(reversed(clouds) if wants_claude else clouds)


def _own_endpoint(settings: ModelSettings) -> Candidate:
    url = settings.url.rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ConfigError(
            "JOURNEYMAN_MODEL_URL must look like http://host:8000/v1, without a user name, a query or a fragment."
        )
    match settings.api:
        case "openai":
            base = url if parts.path else f"{url}/v1"
            return _openai(settings.name, settings.api_key, base)
        case "anthropic":
            base = url.removesuffix("/v1")
            return _anthropic(settings.name, settings.api_key, base)
        case _:
            raise ConfigError("JOURNEYMAN_MODEL_API must be openai or anthropic.")


def _openai(name: str, key: str, url: str | None = None) -> Candidate:
    from workers.models.openai import OpenAIModel

    return OpenAIModel(name, api_key=key, base_url=url, vendor="local" if url else "openai")


def _anthropic(name: str, key: str, url: str | None = None) -> Candidate:
    from workers.models.anthropic import AnthropicModel

    return AnthropicModel(name, api_key=key, base_url=url, vendor="local" if url else "anthropic")
