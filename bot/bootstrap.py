"""Wiring of the zones that `bot` holds: the only place, with `workers.bootstrap`, that names concrete classes."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.adapters.artifacts_sql import SqlArtifacts
from bot.adapters.clock import SystemTime
from bot.adapters.database import NO_DATABASE, Database, NoDatabase
from bot.adapters.git import Git
from bot.adapters.jobs_sql import SqlJobs
from bot.adapters.keys import FileKeys, KeyRing, load_public, made_as, make_keys
from bot.adapters.ledger_sql import SqlLedger
from bot.adapters.logs import logger, passwords_in
from bot.adapters.memo_sql import SqlMemo
from bot.adapters.migrations import upgrade
from bot.adapters.queue import CeleryQueue, NoQueue, celery_app
from bot.adapters.slack import SlackNotifier
from bot.config import Settings, guard
from bot.domain.envelope import Zone
from bot.domain.errors import ConfigError, PolicyError
from bot.domain.redaction import Redaction
from bot.forges.credentials import AppKey
from bot.forges.registry import forge_for
from bot.policy.load import LoadedPolicy
from bot.policy.load import load as load_policy
from bot.ports import Forge, Job, Queue
from bot.services.deps import Broker
from bot.services.work import Runner


@dataclass(frozen=True, slots=True)
class Store:
    """Everything that lives in the database, opened in the name of one zone."""

    database: Database
    ledger: SqlLedger
    jobs: SqlJobs
    artifacts: SqlArtifacts
    memo: SqlMemo
    keys: FileKeys
    time: SystemTime


@dataclass(frozen=True, slots=True)
class Receiver:
    """What the web process is given; `secrets` are the webhooks', by forge, `hidden` is what no log may show."""

    store: Store
    queue: Queue
    secrets: Mapping[str, tuple[str, ...]]
    max_body: int
    queue_configured: bool
    hidden: Redaction


@dataclass(frozen=True, slots=True)
class BrokerZone:
    """What the broker's worker is given."""

    deps: Broker
    store: Store
    queue: Queue
    runner: Runner
    resend_seconds: float

    def close(self) -> None:
        """Give back what the forges issued to us."""
        for forge in self.deps.forges.values():
            forge.close()


RECEIVER_PATIENCE = 8.0
"""Seconds that the receiver waits for a busy database: a forge gives up after ten."""
LOOKING_PATIENCE = 2.0
"""Seconds that somebody who only looks waits for a database that is away."""


def open_store(settings: Settings, zone: Zone, patience: float = 20.0) -> Store:
    """Open the database for a zone, bringing it up to date and making signing keys where there are none.

    `patience` is for how many seconds a busy database is waited for.
    """
    with made_as("JOURNEYMAN_DATA_DIR", settings.data_dir):
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if settings.keys_dir is None:
        make_keys(settings.keys)
    upgrade(settings.database)
    keys = FileKeys(zone, settings.keys / f"{zone.value}.key", load_public(settings.keys))
    database, time = Database(settings.database, patience=patience), SystemTime()
    return Store(
        database=database,
        ledger=SqlLedger(database, keys, time),
        jobs=SqlJobs(database, time),
        artifacts=SqlArtifacts(database),
        memo=SqlMemo(database),
        keys=keys,
        time=time,
    )


@contextmanager
def looking(settings: Settings) -> Iterator[Database]:
    """Give the database, to be looked at only: nothing is made or migrated, and no private key is needed.

    Raises NoDatabase where there is none, ConfigError where there can be none, LedgerError where it does not answer.
    """
    with closing(Database(settings.database, patience=LOOKING_PATIENCE, readonly=True)) as database:
        with database.opening():
            there = database.has("envelopes")
        if not there:
            raise NoDatabase(f"the database that JOURNEYMAN_DATABASE_URL names is not set up; {NO_DATABASE}")
        yield database


def public_keys(settings: Settings) -> KeyRing:
    """Return everybody's public keys; raises ConfigError where there are none."""
    return KeyRing(load_public(settings.keys))


def sealing_keys(settings: Settings) -> FileKeys:
    """Return the broker's keys, to seal an export with."""
    return FileKeys(Zone.BROKER, settings.keys / f"{Zone.BROKER.value}.key", load_public(settings.keys))


def hidden(settings: Settings) -> Redaction:
    """Return what no log may show: every credential, and the passwords inside addresses; more may be issued later."""
    return Redaction(settings.secrets() + passwords_in(settings.database_url) + passwords_in(settings.redis_url))


def log_of(settings: Settings, zone: Zone, known: Redaction | None = None) -> Callable[..., None]:
    """Return the log of a zone; `known` is what its forges add to."""
    return logger(settings.log_level, known or hidden(settings), zone.value)


def queue_for(settings: Settings) -> Queue:
    """Return the wake-up channel: Celery where a broker is configured, none otherwise."""
    return CeleryQueue(celery_app(settings.redis_url)) if settings.redis_url else NoQueue()


def receiver(settings: Settings) -> Receiver:
    """Wire the receiver; raises ConfigError for a credential of another zone or where no webhook secret is set."""
    guard(Zone.RECEIVER, settings)
    secrets = _webhook_secrets(settings)
    if not secrets:
        raise ConfigError(
            "set JOURNEYMAN_GITHUB_WEBHOOK_SECRET or JOURNEYMAN_GITLAB_WEBHOOK_SECRET (or ..._FILE) "
            "to the secret of the forge's webhook"
        )
    store = open_store(settings, Zone.RECEIVER, RECEIVER_PATIENCE)
    queue = queue_for(settings)
    return Receiver(store, queue, secrets, settings.max_body_bytes, bool(settings.redis_url), hidden(settings))


def _webhook_secrets(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Return the secrets of the forges that have any."""
    given = {
        "github": (settings.github_webhook_secret, settings.github_webhook_secret_previous),
        "gitlab": (settings.gitlab_webhook_secret, settings.gitlab_webhook_secret_previous),
    }
    return {
        forge: tuple(secret.get_secret_value() for secret in secrets if secret is not None)
        for forge, secrets in given.items()
        if any(secrets)
    }


def broker(settings: Settings, queue: Queue) -> BrokerZone:
    """Wire the broker; raises ConfigError where no forge credential is set."""
    guard(Zone.BROKER, settings)
    known = hidden(settings)
    forges = forges_of(settings, known)
    if not forges:
        raise ConfigError(
            "set JOURNEYMAN_GITHUB_TOKEN or JOURNEYMAN_GITLAB_TOKEN (or ..._FILE) "
            "to a token that may read and write the repository, or give a GitHub App's id and key"
        )
    policies = policies_of(settings)
    policies(settings.policy)
    store = open_store(settings, Zone.BROKER)
    deps = Broker(
        ledger=store.ledger,
        jobs=store.jobs,
        artifacts=store.artifacts,
        git=Git(),
        forges=forges,
        time=store.time,
        policies=policies,
        policy_name=settings.policy,
        author=(settings.author_name, settings.author_email),
        poll_seconds=settings.poll_seconds,
        reconcile_seconds=settings.reconcile_seconds,
        watched=frozenset(settings.watched),
        chat=_chat(settings, known),
    )
    runner = Runner(store.jobs, queue, store.time, settings.lease_seconds, log_of(settings, Zone.BROKER, known))
    store.jobs.wish([Job("reconcile", str(repo)) for repo in settings.watched])
    return BrokerZone(deps, store, queue, runner, settings.resend_seconds)


def forges_of(settings: Settings, known: Redaction | None = None) -> dict[str, Forge]:
    """Return the forges that there is a credential for, by name; nothing is asked of them yet.

    `known` is told what is issued. Raises ConfigError for credentials that cannot work.
    """
    forges: dict[str, Forge] = {}
    credential = _github_credential(settings)
    if credential is not None:
        forges["github"] = forge_for(
            "github",
            credential,
            url=settings.github_url,
            bot_login=settings.bot_login or None,
            pacing=settings.github_pacing,
            ca_file=settings.github_ca_file or None,
            hidden=known,
        )
    if settings.gitlab_token is not None:
        forges["gitlab"] = forge_for(
            "gitlab",
            settings.gitlab_token.get_secret_value(),
            url=settings.gitlab_url,
            pacing=settings.gitlab_pacing,
            ca_file=settings.gitlab_ca_file or None,
        )
    return forges


def _github_credential(settings: Settings) -> str | AppKey | None:
    token, app, key = settings.github_token, settings.github_app_id, settings.github_app_key
    if token is not None and key is not None:
        raise ConfigError(
            "JOURNEYMAN_GITHUB_TOKEN and JOURNEYMAN_GITHUB_APP_KEY are both set: keep the App (its tokens are "
            "short-lived and for one repository), and take the token out"
        )
    if key is not None:
        if not app:
            raise ConfigError("JOURNEYMAN_GITHUB_APP_KEY is set: set JOURNEYMAN_GITHUB_APP_ID to the App's id as well")
        return AppKey(app, key.get_secret_value())
    if token is None:
        if app:
            raise ConfigError("JOURNEYMAN_GITHUB_APP_ID is set: name the App's key in JOURNEYMAN_GITHUB_APP_KEY_FILE")
        return None
    return token.get_secret_value()


def _chat(settings: Settings, known: Redaction) -> SlackNotifier | None:
    if settings.slack_token is None:
        return None
    if not settings.slack_channel:
        raise ConfigError("JOURNEYMAN_SLACK_TOKEN is set; set JOURNEYMAN_SLACK_CHANNEL to the channel's id as well")
    token, log = settings.slack_token.get_secret_value(), log_of(settings, Zone.BROKER, known)
    return SlackNotifier(token, settings.slack_channel, log, url=settings.slack_url)


def policies_of(settings: Settings) -> Callable[[str], LoadedPolicy]:
    """Return a reader of named policies; only the installation's own setting may name a file by its path."""

    def read(name: str) -> LoadedPolicy:
        path = policy_file(name, trusted=name == settings.policy)
        try:
            return load_policy(path.read_text(encoding="utf-8"), name)
        except (OSError, UnicodeDecodeError) as error:
            raise PolicyError(f"there is no policy {name!r}: {error}") from None

    return read


def policy_file(name: str, *, trusted: bool) -> Path:
    """Return the file of a policy; raises PolicyError for a name that is none."""
    if re.fullmatch(r"[a-z0-9][a-z0-9-]{0,60}", name):
        here = Path(__file__).parent
        packaged = here / "policies"
        return (packaged if packaged.is_dir() else here.parent / "policies") / f"{name}.yml"
    if trusted:
        return Path(name)
    raise PolicyError(f"{name[:100]!r} does not name a policy of this installation; try default or solo")
