"""The doctor: one line per check in the five layers, each with what was found and the next step."""

import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import requests
from redis import Redis
from redis.exceptions import RedisError

from bot.adapters.audit_files import verify_database
from bot.bootstrap import Store, open_store, policies_of
from bot.config import Settings
from bot.domain.envelope import Zone
from bot.domain.errors import JourneymanError
from bot.forges.registry import forge_for
from workers.modelling import model_settings
from workers.models.probe import probe
from workers.models.router import candidates_from
from workers.sandbox.bubblewrap import BubblewrapSandbox

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Line:
    """One check: what was looked at, how it is, what was found, and the next step (empty when it is well)."""

    layer: str
    check: str
    state: State
    found: str
    next: str = ""


Answer = tuple[State, str, str]


def examine(settings: Settings) -> Iterator[Line]:
    """Check an installation with the settings at hand; never raises for what is wrong with it."""
    store: list[Store] = []

    def opened() -> Store:
        if not store:
            store.append(open_store(settings, Zone.BROKER))
        return store[0]

    checks: tuple[tuple[str, str, Callable[[], Answer]], ...] = (
        ("infrastructure", "python", _python),
        ("infrastructure", "git", _git),
        ("infrastructure", "sandbox", lambda: _sandbox(settings)),
        ("infrastructure", "queue", lambda: _queue(settings)),
        ("infrastructure", "database", lambda: _database(opened())),
        ("model", "model", lambda: _model(settings)),
        ("data", "ledger", lambda: _ledger(opened())),
        ("orchestration", "jobs", lambda: _jobs(opened())),
        ("orchestration", "policy", lambda: _policy(settings)),
        ("application", "forge", lambda: _forge(settings)),
        ("application", "webhook secret", lambda: _secret(settings)),
        ("application", "chat", lambda: _chat(settings)),
    )
    try:
        for layer, name, check in checks:
            yield Line(layer, name, *_guarded(check))
    finally:
        for one in store:
            one.database.close()


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


def _database(store: Store) -> Answer:
    return "ok", f"{store.database.url.get_backend_name()}, tables up to date", ""


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


def _ledger(store: Store) -> Answer:
    report = verify_database(store.database, store.keys.verify)
    if report.problem is not None:
        return "fail", str(report.problem), "stop all workers, keep a copy of the database, find out who wrote to it"
    warnings = f"; {report.warnings[0]}" if report.warnings else ""
    return "ok", f"{report.envelopes} facts in {report.streams} chains verify{warnings}", ""


def _jobs(store: Store) -> Answer:
    counts = store.jobs.counts()
    found = ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "none"
    if counts.get("dead"):
        return "warn", found, "`journeyman runs list` shows the runs; comment `/agent retry` on their issues"
    return "ok", found, ""


def _policy(settings: Settings) -> Answer:
    loaded = policies_of(settings)(settings.policy)
    return "ok", f"{settings.policy}: {len(loaded.policy.rules)} rules, digest {loaded.digest[:12]}", ""


def _forge(settings: Settings) -> Answer:
    if settings.github_token is None:
        return "warn", "no token", "set JOURNEYMAN_GITHUB_TOKEN (or ..._FILE)"
    token = settings.github_token.get_secret_value()
    login = settings.bot_login or None
    who = forge_for("github", token, url=settings.github_url, bot_login=login, pacing=False).whoami()
    return "ok", f"{settings.github_url} knows the token as {who}", ""


def _secret(settings: Settings) -> Answer:
    secret = settings.github_webhook_secret
    if secret is None:
        return "warn", "not set", "set JOURNEYMAN_GITHUB_WEBHOOK_SECRET to what the forge's hook has"
    if len(secret.get_secret_value()) < 16:
        return "warn", "short", "take a longer one: python3 -c 'import secrets; print(secrets.token_hex(32))'"
    return "ok", "set", ""


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
