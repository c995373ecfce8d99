"""Looks at a credential and a project on GitLab: what it may and may not do, the hook, the rules. Changes nothing."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from urllib.parse import urlsplit

from msgspec import Struct

from bot.domain.change import Repo
from bot.domain.errors import Denied, ForgeError, NotFound
from bot.forges.findings import Finding
from bot.forges.gitlab.hooks import OURS
from bot.forges.gitlab.wire import Wire, part
from bot.forges.talking import Translated

SOON_DAYS = 14
DEVELOPER, MAINTAINER = 30, 40
LEVELS = {0: "nobody", 10: "Guest", 15: "Planner", 20: "Reporter", 30: "Developer", 40: "Maintainer", 50: "Owner"}
EVENTS = {
    "push_events": "pushes",
    "issues_events": "issues",
    "note_events": "comments",
    "merge_requests_events": "merge requests",
    "job_events": "jobs",
    "pipeline_events": "pipelines",
}
_ENOUGH = {"api"}
_HARMLESS = {"api", "read_api", "read_user", "read_repository", "write_repository", "self_rotate"}


class _Me(Struct):
    username: str
    is_admin: bool = False


class _Token(Struct):
    scopes: list[str]
    expires_at: str | None = None


class _Level(Struct):
    access_level: int | None = 0


class _Permissions(Struct):
    project_access: _Level | None = None
    group_access: _Level | None = None


class _Project(Struct):
    web_url: str
    default_branch: str | None = None
    permissions: _Permissions | None = None
    only_allow_merge_if_pipeline_succeeds: bool | None = False


class _Hook(Struct):
    id: int
    url: str
    alert_status: str = "executable"
    enable_ssl_verification: bool = True
    push_events: bool | None = False
    issues_events: bool | None = False
    note_events: bool | None = False
    merge_requests_events: bool | None = False
    job_events: bool | None = False
    pipeline_events: bool | None = False


class _Protected(Struct):
    push_access_levels: list[_Level] = []
    merge_access_levels: list[_Level] = []


def token(wire: Wire, url: str, translated: Translated) -> Iterator[Finding]:
    """Look at a token as such."""
    me = wire.get("/user", _Me)
    yield Finding("gitlab token", "ok", f"{url} knows the token as {me.username}")
    if me.is_admin:
        yield Finding(
            "account", "warn", "an administrator of that GitLab", "give the bot an account of its own, without that"
        )
    page = f"{url}/-/user_settings/personal_access_tokens"
    try:
        with translated():
            found = wire.get("/personal_access_tokens/self", _Token)
    except ForgeError:
        yield Finding("token's scopes", "warn", "GitLab does not tell them (an OAuth token?)", "see that it has api")
        return
    yield _scopes(set(found.scopes), page)
    yield _end(found.expires_at, page)


def _scopes(scopes: set[str], page: str) -> Finding:
    shown = ", ".join(sorted(scopes)) or "none"
    if not scopes & _ENOUGH:
        return Finding("token's scopes", "fail", f"{shown}: api is not among them", f"make a token with api, at {page}")
    more = sorted(scopes - _HARMLESS)
    if more:
        advice = f"make one without them, at {page}"
        return Finding("token's scopes", "warn", f"more than is needed: {', '.join(more)}", advice)
    return Finding("token's scopes", "ok", shown)


def _end(text: str | None, page: str) -> Finding:
    if not text:
        return Finding("token's end", "warn", "none is told", f"give the token an end, at {page}")
    left = (date.fromisoformat(text[:10]) - datetime.now(UTC).date()).days
    if left < SOON_DAYS:
        return Finding("token's end", "warn", f"{text[:10]}, in {left} days", f"rotate it in time, at {page}")
    return Finding("token's end", "ok", text[:10])


def project(wire: Wire, repo: Repo, translated: Translated) -> Iterator[Finding]:
    """Look at what the account may do in a project, and at the rules of its default branch."""
    place = f"/projects/{part(repo.name)}"
    found = wire.get(place, _Project)
    given = found.permissions or _Permissions()
    levels = [one.access_level or 0 for one in (given.project_access, given.group_access) if one is not None]
    level = max(levels, default=0)
    page = f"{found.web_url}/-/project_members"
    if level < DEVELOPER:
        yield Finding(
            "role", "fail", f"{_name(level)} in {repo.name}", f"make the account a Developer at least, at {page}"
        )
    elif level > MAINTAINER:
        yield Finding("role", "warn", f"{_name(level)}: more than is needed", f"Maintainer is enough, at {page}")
    else:
        yield Finding("role", "ok", f"{_name(level)} in {repo.name}")
    yield from _rules(wire, place, found, level, translated)


def _rules(wire: Wire, place: str, found: _Project, level: int, translated: Translated) -> Iterator[Finding]:
    branch, page = found.default_branch, f"{found.web_url}/-/settings/repository"
    if branch is None:
        yield Finding("default branch", "fail", "there is none", "push a first commit")
        return
    try:
        with translated():
            rule = wire.get(f"{place}/protected_branches/{part(branch)}", _Protected)
    except Denied:
        yield Finding(
            "branch protection", "warn", "the account may not see it (that takes a Developer)", f"look at {page}"
        )
        return
    except NotFound:
        advice = f"protect it, at {page}: or whoever may push gets round the gate"
        yield Finding("branch protection", "fail", f"{branch} is not protected", advice)
        return
    pushers = [one.access_level for one in rule.push_access_levels if one.access_level]
    if pushers and level >= min(pushers):
        advice = f"let nobody push to {branch}, at {page}, or give the account a lower role"
        yield Finding("bypass", "warn", f"the bot itself may push to {branch}", advice)
    else:
        yield Finding("branch protection", "ok", f"{branch}; the bot cannot push to it")
    mergers = [one.access_level for one in rule.merge_access_levels if one.access_level]
    if not mergers or level < min(mergers):
        who = _name(min(mergers)) if mergers else "nobody"
        yield Finding(
            "merging", "fail", f"merging into {branch} takes {who}", f"give the account that role, or change {page}"
        )
    if found.only_allow_merge_if_pipeline_succeeds:
        yield Finding("required status", "ok", "pipelines must succeed, and journeyman/gate is part of them")
    else:
        page = f"{found.web_url}/-/settings/merge_requests"
        advice = f'turn on "Pipelines must succeed", at {page}: without it people may merge what the gate blocks'
        yield Finding("required status", "warn", "GitLab does not wait for journeyman/gate", advice)


def hook(wire: Wire, repo: Repo, translated: Translated) -> Iterator[Finding]:
    """Look at the project's hook to us."""
    try:
        with translated():
            rows = wire.list(f"/projects/{part(repo.name)}/hooks", _Hook)
    except (Denied, NotFound):
        yield Finding("hook", "warn", "the account may not see hooks (that takes a Maintainer)", "look at it yourself")
        return
    ours = [row for row in rows if urlsplit(row.url).path.endswith(OURS)]
    if not ours:
        advice = f"journeyman init gitlab {repo.name} --url https://YOUR-RECEIVER"
        yield Finding("hook", "fail", f"none leads to {OURS}", advice)
    for row in ours:
        missing = [word for flag, word in EVENTS.items() if not getattr(row, flag)]
        if row.alert_status != "executable":
            advice = "mend the receiver, then press Test in the hook's settings: GitLab switches it on again"
            yield Finding("hook", "fail", f"GitLab has switched it off ({row.alert_status.replace('_', ' ')})", advice)
        elif missing:
            advice = f"journeyman init gitlab {repo.name} --url {row.url.removesuffix(OURS)}"
            yield Finding("hook", "fail", f"it does not send {', '.join(missing)}", advice)
        elif not row.enable_ssl_verification and row.url.startswith("https:"):
            yield Finding(
                "hook", "warn", "it does not check our certificate", "turn SSL verification on in its settings"
            )
        else:
            yield Finding("hook", "ok", f"leads to {row.url}, and sends what is needed")


def _name(level: int) -> str:
    return LEVELS.get(level, f"level {level}")
