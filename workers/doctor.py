"""The doctor: one line per check in the five layers, each with what was found and the next step."""

import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import astuple, dataclass
from functools import partial

import requests
from redis import Redis
from redis.exceptions import RedisError

from bot.adapters.audit_files import verify_database
from bot.adapters.clock import SystemTime
from bot.adapters.database import Database, NoDatabase
from bot.adapters.jobs_sql import SqlJobs
from bot.adapters.migrations import is_newest
from bot.bootstrap import forges_of, looking, policies_of, public_keys
from bot.config import Settings
from bot.domain.change import Repo
from bot.domain.errors import JourneymanError, LedgerError
from bot.forges.findings import Examinable, State
from bot.ports import Forge
from workers.modelling import model_settings
from workers.models.probe import probe
from workers.models.router import candidates_from
from workers.sandbox.bubblewrap import BubblewrapSandbox


@dataclass(frozen=True, slots=True)
class Line:
    """One check: what was looked at, how it is, what was found, and the next step (empty when it is well)."""

    layer: str
    check: str
    state: State
    found: str
    next: str = ""


Answer = tuple[State, str, str]


@dataclass(slots=True)
class _Looker:
    """Opens the database to look at it, once: a second check does not wait again for one that is away."""

    settings: Settings
    stack: ExitStack
    found: Database | JourneymanError | None = None

    def open(self) -> Database:
        if self.found is None:
            try:
                self.found = self.stack.enter_context(looking(self.settings))
            except JourneymanError as error:
                self.found = error
        if isinstance(self.found, JourneymanError):
            raise self.found
        return self.found

    def look(self, check: Callable[[Database], Answer]) -> Answer:
        """Run a check that has nothing to say about the database itself."""
        try:
            database = self.open()
        except NoDatabase:
            return "ok", "none yet", ""
        except JourneymanError:
            return "fail", "not looked at", "mend the database first"
        return check(database)


def examine(settings: Settings, repo: Repo | None = None) -> Iterator[Line]:
    """Check an installation with the settings at hand, each thing when its line is asked for.

    With `repo`, also what the forge shows of that repository. Never raises for what is wrong, and changes nothing.
    """
    with ExitStack() as stack:
        for layer, name, check in _checks(settings, _Looker(settings, stack)):
            yield Line(layer, name, *_guarded(check))
    yield from _forges(settings, repo)


def _checks(settings: Settings, looker: _Looker) -> tuple[tuple[str, str, Callable[[], Answer]], ...]:
    return (
        ("infrastructure", "python", _python),
        ("infrastructure", "git", _git),
        ("infrastructure", "sandbox", lambda: _sandbox(settings)),
        ("infrastructure", "queue", lambda: _queue(settings)),
        ("infrastructure", "database", lambda: _database(looker)),
        ("model", "model", lambda: _model(settings)),
        ("data", "ledger", lambda: looker.look(lambda database: _ledger(settings, database))),
        ("orchestration", "jobs", lambda: looker.look(_jobs)),
        ("orchestration", "policy", lambda: _policy(settings)),
        ("application", "webhook secret", lambda: _secret(settings)),
        ("application", "chat", lambda: _chat(settings)),
    )


def _guarded(check: Callable[[], Answer]) -> Answer:
    try:
        return check()
    except JourneymanError as error:
        return "fail", type(error).__name__, str(error)
    except (OSError, subprocess.SubprocessError) as error:
        return "fail", type(error).__name__, f"mend this and run the doctor again: {error}"


def _python() -> Answer:
    return "ok", platform.python_version(), ""


def _git() -> Answer:
    if shutil.which("git") is None:
        return "fail", "missing", "install git (apt install git)"
    done = subprocess.run(["git", "version"], capture_output=True, text=True, timeout=10, check=True)
    return "ok", done.stdout.strip().removeprefix("git version "), ""


def _sandbox(settings: Settings) -> Answer:
    sandbox = BubblewrapSandbox(python=settings.sandbox_python or None)
    sandbox.check()
    bounds = sandbox.enforcement()
    found = f"closed; memory by {bounds.memory}, processes by {bounds.processes}, processor by {bounds.cpu}"
    if bounds.full:
        return "ok", found, ""
    return "warn", found, "delegate a control group to this user, so that bounds count the whole sandbox"


def _queue(settings: Settings) -> Answer:
    url = settings.redis_url
    if not url:
        return "ok", "embedded Valkey (with `journeyman up`)", ""
    if not url.startswith(("redis:", "rediss:")):
        return "ok", "a broker of another kind is configured; not asked", ""
    try:
        with Redis.from_url(url, socket_timeout=3, socket_connect_timeout=3) as client:
            client.ping()
    except RedisError as error:
        return "fail", "no answer", f"start Redis, or mend JOURNEYMAN_REDIS_URL: {error}"
    return "ok", "answers", ""


def _database(looker: _Looker) -> Answer:
    try:
        database = looker.open()
    except NoDatabase as error:
        return "warn", "none yet", str(error)
    except LedgerError as error:
        return "fail", "no answer", f"start it, or mend JOURNEYMAN_DATABASE_URL: {error}"
    kind = database.url.get_backend_name()
    if not database.read(is_newest):
        return (
            "warn",
            f"{kind}, tables of another version",
            "start `journeyman up`, or any zone: it brings them up to date",
        )
    return "ok", f"{kind}, tables up to date", ""


def _model(settings: Settings) -> Answer:
    candidates = candidates_from(model_settings(settings))
    if not candidates:
        engines = "the repair engine works without one" if settings.engines else "and the engines are off"
        state: State = "ok" if settings.engines else "fail"
        return state, f"none; {engines}", "" if settings.engines else "set JOURNEYMAN_ENGINES=true or name a model"
    found = probe(candidates[0], deadline=30)
    for candidate in candidates:
        candidate.close()
    name = f"{found.vendor}/{found.model}"
    if found.tools:
        return "ok", f"{name}: {found.detail}", ""
    return "fail", f"{name}: {found.detail}", "mend the address or the key, or name a model that uses tools"


def _ledger(settings: Settings, database: Database) -> Answer:
    report = verify_database(database, public_keys(settings).verify)
    if report.problem is not None:
        return "fail", str(report.problem), "stop all workers, keep a copy of the database, find out who wrote to it"
    warnings = f"; {report.warnings[0]}" if report.warnings else ""
    return "ok", f"{report.envelopes} facts in {report.streams} chains verify{warnings}", ""


def _jobs(database: Database) -> Answer:
    counts = SqlJobs(database, SystemTime()).counts()
    found = ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "none"
    if counts.get("dead"):
        return "warn", found, "`journeyman runs list` shows the runs; comment `/agent retry` on their issues"
    return "ok", found, ""


def _policy(settings: Settings) -> Answer:
    loaded = policies_of(settings)(settings.policy)
    return "ok", f"{settings.policy}: {len(loaded.policy.rules)} rules, digest {loaded.digest[:12]}", ""


def _forges(settings: Settings, repo: Repo | None) -> Iterator[Line]:
    """Look at every credential on its forge; one whose forge is away is one line."""
    try:
        forges = forges_of(settings)
    except JourneymanError as error:
        yield Line("application", "forge", "fail", "credentials that cannot work", str(error))
        return
    if not forges:
        advice = "set JOURNEYMAN_GITHUB_TOKEN or JOURNEYMAN_GITLAB_TOKEN (or ..._FILE), or a GitHub App's id and key"
        yield Line("application", "forge", "warn", "no credential", advice)
    if repo is not None and repo.forge not in forges:
        yield Line("application", "forge", "fail", f"no credential for {repo}", "set one for its forge")
    for name, forge in forges.items():
        with closing(forge):
            if isinstance(forge, Examinable):
                asked = repo if repo is not None and repo.forge == name else None
                yield from (Line("application", *astuple(one)) for one in forge.examine(asked))
            else:
                yield Line("application", "forge", *_guarded(partial(_known, settings, forge)))


def _known(settings: Settings, forge: Forge) -> Answer:
    return "ok", f"{settings.gitlab_url} knows the token as {forge.whoami()}", ""


def _secret(settings: Settings) -> Answer:
    """Look at the secrets of those forges that there is a token for; with none, at GitHub's."""
    secrets = {"GITHUB": settings.github_webhook_secret, "GITLAB": settings.gitlab_webhook_secret}
    used = [name for name in secrets if _has_credential(settings, name.lower()) or secrets[name]]
    for name in used or ["GITHUB"]:
        secret = secrets[name]
        if secret is None:
            return "warn", "not set", f"set JOURNEYMAN_{name}_WEBHOOK_SECRET to what the forge's hook has"
        if len(secret.get_secret_value()) < 16:
            return "warn", "short", "take a longer one: python3 -c 'import secrets; print(secrets.token_hex(32))'"
    return "ok", "set", ""


def _has_credential(settings: Settings, forge: str) -> bool:
    app = settings.github_app_key if forge == "github" else None
    return getattr(settings, f"{forge}_token") is not None or app is not None


def _chat(settings: Settings) -> Answer:
    if settings.slack_token is None:
        return "ok", "none", ""
    headers = {"Authorization": f"Bearer {settings.slack_token.get_secret_value()}"}
    try:
        said = requests.post(f"{settings.slack_url.rstrip('/')}/auth.test", headers=headers, timeout=10).json()
    except (requests.RequestException, ValueError) as error:
        return "fail", "no answer", f"mend JOURNEYMAN_SLACK_URL: {type(error).__name__}"
    if not said.get("ok"):
        return "fail", str(said.get("error")), "mend JOURNEYMAN_SLACK_TOKEN"
    if not settings.slack_channel:
        return "fail", "no channel", "set JOURNEYMAN_SLACK_CHANNEL to the channel's id"
    return "ok", f"posts to {settings.slack_channel}", ""
