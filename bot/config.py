"""Settings: the only reader of the environment.

Every setting is a variable `JOURNEYMAN_<NAME>`, or `JOURNEYMAN_<NAME>_FILE` naming a file that holds the value;
`OPENAI_API_KEY` and `ANTHROPIC_API_KEY` keep the names that their vendors gave them.
"""

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from bot.domain.change import Repo
from bot.domain.envelope import Zone
from bot.domain.errors import ConfigError
from bot.domain.redaction import SHORTEST

PREFIX = "JOURNEYMAN_"
ALIKE = 0.85
BROKERS = frozenset({"redis", "rediss", "redis+socket", "sentinel", "amqp", "amqps", "pyamqp"})
EX_CONFIG = 78
"""The exit code of a process whose settings cannot work (sysexits.h)."""
VENDOR_KEYS = {"OPENAI_API_KEY": "openai_api_key", "ANTHROPIC_API_KEY": "anthropic_api_key"}

SERVICE_LINK = re.compile(r".*_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)")
"""What Kubernetes puts into every container for a service, one named `journeyman` included: no settings of ours."""

OWNED: dict[Zone, frozenset[str]] = {
    Zone.RECEIVER: frozenset(
        {
            "github_webhook_secret",
            "github_webhook_secret_previous",
            "gitlab_webhook_secret",
            "gitlab_webhook_secret_previous",
        }
    ),
    Zone.BROKER: frozenset({"github_token", "github_app_key", "gitlab_token", "slack_token"}),
    Zone.AGENT: frozenset({"model_api_key", "openai_api_key", "anthropic_api_key"}),
}


class Settings(BaseModel):
    """Everything that can be set, with defaults that work on one machine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data_dir: Path = Field(default_factory=lambda: _state_home() / "journeyman")
    database_url: str = ""
    redis_url: str = ""
    keys_dir: Path | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    github_url: str = "https://api.github.com"
    github_token: SecretStr | None = None
    github_app_id: str = ""
    github_app_key: SecretStr | None = None
    github_webhook_secret: SecretStr | None = None
    github_webhook_secret_previous: SecretStr | None = None
    github_pacing: bool = True
    github_ca_file: str = ""
    gitlab_url: str = "https://gitlab.com"
    gitlab_token: SecretStr | None = None
    gitlab_webhook_secret: SecretStr | None = None
    gitlab_webhook_secret_previous: SecretStr | None = None
    gitlab_pacing: bool = True
    gitlab_ca_file: str = ""
    bot_login: str = ""
    author_name: str = "journeyman[bot]"
    author_email: str = ""

    slack_url: str = "https://slack.com/api/"
    slack_token: SecretStr | None = None
    slack_channel: str = ""

    model_url: str = ""
    model_api: Literal["openai", "anthropic"] = "openai"
    model: str = ""
    model_api_key: SecretStr | None = None
    openai_api_key: SecretStr | None = None
    anthropic_api_key: SecretStr | None = None

    engines: bool = True
    policy: str = "default"
    sandbox_python: str = ""
    task_seconds: Annotated[float, Field(ge=5, le=7200)] = 300.0
    max_body_bytes: Annotated[int, Field(ge=1024, le=100 * 1024 * 1024)] = 25 * 1024 * 1024
    lease_seconds: Annotated[float, Field(ge=1, le=600)] = 20.0
    sweep_seconds: Annotated[float, Field(ge=0.2, le=60)] = 2.0
    poll_seconds: Annotated[float, Field(ge=0.5, le=3600)] = 60.0
    reconcile_seconds: Annotated[float, Field(ge=0.5, le=86_400)] = 300.0
    repos: str = ""
    resend_seconds: Annotated[float, Field(ge=0.5, le=600)] = 10.0

    @field_validator("github_url", "gitlab_url", "slack_url", "model_url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.hostname):
            raise ValueError("an address such as https://host/path is wanted")
        return value

    @field_validator("github_app_id")
    @classmethod
    def _is_app(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9._-]{0,64}", value):
            raise ValueError("the App's number or its client id is wanted, as its page shows them")
        return value

    @field_validator(
        "github_webhook_secret",
        "github_webhook_secret_previous",
        "gitlab_webhook_secret",
        "gitlab_webhook_secret_previous",
    )
    @classmethod
    def _is_long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < SHORTEST:
            raise ValueError(
                f"shorter than {SHORTEST} characters: whoever sees one delivery can guess it, and it cannot be told "
                f"from ordinary words in a log. Take a longer one: python3 -c 'import secrets; "
                f"print(secrets.token_hex(32))'"
            )
        return value

    @field_validator("redis_url")
    @classmethod
    def _is_broker(cls, value: str) -> str:
        if value and urlsplit(value).scheme not in BROKERS:
            raise ValueError(f"an address that begins with one of {', '.join(sorted(BROKERS))} is wanted")
        return value

    @field_validator("repos")
    @classmethod
    def _are_repos(cls, value: str) -> str:
        for name in value.split():
            Repo.parse(name)
        return value

    @property
    def watched(self) -> tuple[Repo, ...]:
        """The repositories that are looked after before anything happened there."""
        return tuple(Repo.parse(name) for name in self.repos.split())

    @property
    def database(self) -> str:
        """The database's address; SQLite in the data directory when none is given."""
        return self.database_url or f"sqlite:///{self.data_dir / 'journeyman.db'}"

    @property
    def keys(self) -> Path:
        """The directory of the zones' signing keys."""
        return self.keys_dir or self.data_dir / "keys"

    def secrets(self) -> tuple[str, ...]:
        """Return every secret value, for the log's redaction."""
        values = [getattr(self, name) for names in OWNED.values() for name in names]
        return tuple(value.get_secret_value() for value in values if value is not None)


class ZoneRefused(ConfigError):
    """A zone was given a credential that belongs to another one."""


def _state_home() -> Path:
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings; raises ConfigError naming the variable that cannot work."""
    values = _values(os.environ if environ is None else environ)
    try:
        return Settings(**values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "?"
        raise ConfigError(f"{variable(name)}: {first['msg']}") from None


def sandbox_python(environ: Mapping[str, str] | None = None) -> str | None:
    """Return the interpreter to use in the sandbox, None for this one, whatever else is set or cannot work."""
    key = variable("sandbox_python")
    source = os.environ if environ is None else environ
    return load({name: source.get(name, "") for name in (key, f"{key}_FILE")}).sandbox_python or None


def _values(environ: Mapping[str, str]) -> dict[str, Any]:
    _refuse_unknown(environ)
    values: dict[str, Any] = {}
    for name in Settings.model_fields:
        key = variable(name)
        plain, file = environ.get(key), environ.get(f"{key}_FILE")
        if plain and file:
            raise ConfigError(f"{key} and {key}_FILE are both set; keep one of them")
        if file:
            values[name] = _content(f"{key}_FILE", file)
        elif plain:
            values[name] = plain
    return values


def _refuse_unknown(environ: Mapping[str, str]) -> None:
    """Refuse a variable that looks like a slip of the pen; others that share our prefix may be another program's."""
    known = [f"{variable(name)}{form}" for name in Settings.model_fields for form in ("", "_FILE")]
    for key in sorted(environ):
        if not key.startswith(PREFIX) or not environ[key] or key in known or SERVICE_LINK.fullmatch(key):
            continue
        bare = key.removeprefix(PREFIX).upper()
        near = {name.removeprefix(PREFIX): name for name in known}
        meant = get_close_matches(bare, near, n=1, cutoff=ALIKE)
        if meant:
            nearest = near[meant[0]]
            raise ConfigError(f"{key}: there is no such setting; the nearest is {nearest} (docs/settings.md lists all)")


def _content(key: str, path: str) -> str:
    try:
        content = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{key}: cannot read {path}: {error}") from None
    if not content:
        raise ConfigError(f"{key}: {path} is empty; write the value into it, or take the variable out")
    return content


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    vendor = {setting: key for key, setting in VENDOR_KEYS.items()}
    return vendor.get(name, PREFIX + name.upper())


def guard(zone: Zone | None, settings: Settings) -> None:
    """Refuse to start a zone that was given another zone's credential; None is a process that needs none at all.

    Raises ZoneRefused naming the variable and the zone that it belongs to.
    """
    for owner, names in OWNED.items():
        if owner is zone:
            continue
        for name in sorted(names):
            if getattr(settings, name) is not None:
                who = zone.value if zone is not None else "beat"
                raise ZoneRefused(
                    f"the {who} zone was given {variable(name)}, which belongs to the {owner.value} zone alone; "
                    f"start it without that variable (`journeyman up` hands out each zone's own)"
                )


def environment_for(zone: Zone | None, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment to start a zone with: all of this one but the credentials of other zones."""
    source = dict(os.environ if environ is None else environ)
    for owner, names in OWNED.items():
        if owner is not zone:
            for name in names:
                source.pop(variable(name), None)
                source.pop(f"{variable(name)}_FILE", None)
    return source
