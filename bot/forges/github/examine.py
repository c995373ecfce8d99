"""Looks at a credential on GitHub: whose it is, what it may and may not do, and when it ends. Nothing is changed."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from github.Requester import Requester

from bot.domain.change import Repo
from bot.domain.errors import Denied, Invalid, NotFound, Stale
from bot.forges.findings import Finding, State
from bot.forges.github.app import App, Installation
from bot.forges.github.credentials import Phase, wanted
from bot.forges.github.errors import translated

SOON_DAYS = 14
NOWHERE = "journeyman-doctor-asks"
"""A branch that is not there: GitHub refuses what is asked with it, for one reason or for another."""
_WRITE: dict[str, tuple[str, dict[str, str]]] = {
    "contents": ("/git/refs", {"ref": f"refs/heads/{NOWHERE}", "sha": "0" * 40}),
    "issues": ("/issues", {"title": ""}),
    "pull_requests": ("/pulls", {"title": NOWHERE, "head": NOWHERE, "base": NOWHERE}),
    "statuses": (f"/statuses/{'0' * 40}", {"state": "error", "context": NOWHERE}),
}
_SCOPES = {"repo", "public_repo"}
_HARMLESS_SCOPES = {*_SCOPES, "repo:status", "repo_deployment", "read:user", "user:email", "read:org"}
_DANGEROUS = ("administration", "workflows", "secrets", "members", "organization_administration", "actions")


def settings_page(api: str, path: str) -> str:
    """Return the address of a page of the GitHub whose API this is."""
    parts = urlsplit(api)
    host = "github.com" if parts.hostname == "api.github.com" else parts.netloc
    return urlunsplit((parts.scheme, host, path, "", ""))


# --- tokens ---------------------------------------------------------------------------------------------------------
def token(requester: Requester) -> Iterator[Finding]:
    """Look at a token as such."""
    try:
        with translated():
            headers, user = requester.requestJsonAndCheck("GET", "/user")
    except Denied:
        advice = "give the App's id and key (JOURNEYMAN_GITHUB_APP_ID, ..._APP_KEY_FILE): then it is replaced in time"
        yield Finding("github token", "warn", "it may not ask whose it is, as tokens of an installation", advice)
        return
    scopes = headers.get("x-oauth-scopes")
    kind = "a classic token" if scopes is not None else "a token"
    yield Finding("github token", "ok", f"{requester.base_url} knows {kind} as {user['login']}")
    tokens = settings_page(requester.base_url, "/settings/tokens")
    yield _end(headers.get("github-authentication-token-expiration"), tokens)
    if scopes is not None:
        yield _scopes({part.strip() for part in str(scopes).split(",") if part.strip()}, tokens)


def _end(header: Any, page: str) -> Finding:
    if not header:
        return Finding("token's end", "warn", "none is told", f"give the token an end, at {page}, or use a GitHub App")
    text = str(header)
    try:
        ends = datetime.strptime(text.replace(" UTC", " +0000"), "%Y-%m-%d %H:%M:%S %z")
    except ValueError:
        return Finding("token's end", "warn", f"it cannot be read: {text[:40]}", f"look at {page}")
    left = (ends - datetime.now(UTC)).days
    if left < SOON_DAYS:
        advice = f"make a new one in time, at {page}"
        return Finding("token's end", "warn", f"{ends:%Y-%m-%d}, in {left} days", advice)
    return Finding("token's end", "ok", f"{ends:%Y-%m-%d}")


def _scopes(scopes: set[str], page: str) -> Finding:
    if not scopes & _SCOPES:
        return Finding("token's scopes", "fail", ", ".join(sorted(scopes)) or "none", f"add the scope repo, at {page}")
    more = sorted(scopes - _HARMLESS_SCOPES)
    if more:
        return Finding(
            "token's scopes", "warn", f"more than is needed: {', '.join(more)}", f"take these out, at {page}"
        )
    advice = "a fine-grained token or a GitHub App can be kept to single repositories and permissions"
    return Finding("token's scopes", "warn", "every repository of its account", advice)


def token_on(requester: Requester, repo: Repo) -> Iterator[Finding]:
    """Look at what a token may do in a repository, by asking for what GitHub refuses in any case."""
    place = f"/repos/{repo.name}"
    with translated():
        headers, found = requester.requestJsonAndCheck("GET", place)
    page = settings_page(requester.base_url, "/settings/tokens")
    lacking = [f"{name}: write" for name in _WRITE if not _may_write(requester, place, name)]
    if lacking:
        yield Finding("permissions", "fail", f"missing: {', '.join(lacking)}", f"give them to the token, at {page}")
    else:
        yield Finding("permissions", "ok", f"{', '.join(_WRITE)}: write")
    may = found.get("permissions") or {}
    if may.get("admin") and headers.get("x-oauth-scopes") is None and _administers(requester, place, found):
        advice = f"take administration from the token, at {page}"
        yield Finding("permissions beyond need", "fail", "administration", advice)
    elif may.get("admin"):
        people = settings_page(requester.base_url, f"/{repo.name}/settings/access")
        advice = f"give it the role Write, at {people}: an administrator can go round the rules"
        yield Finding("permissions beyond need", "warn", "its account administers the repository", advice)
    else:
        yield Finding("permissions beyond need", "ok", "none found")


def _may_write(requester: Requester, place: str, name: str) -> bool:
    path, body = _WRITE[name]
    try:
        with translated():
            requester.requestJsonAndCheck("POST", f"{place}{path}", input=body)
    except (Invalid, Stale):
        return True
    except (Denied, NotFound):
        return False
    return True


def _administers(requester: Requester, place: str, found: Mapping[str, Any]) -> bool:
    """Tell whether the token may see what only administrators see: a protection, or that there is none."""
    try:
        with translated():
            requester.requestJsonAndCheck("GET", f"{place}/branches/{found['default_branch']}/protection")
    except NotFound as error:
        return "not protected" in str(error).lower()
    except Denied:
        return False
    return True


# --- apps -----------------------------------------------------------------------------------------------------------
def app(one: App, needed_events: frozenset[str]) -> Iterator[Finding]:
    """Look at an App as such."""
    about = one.about()
    page = settings_page(one.requests.base_url, f"/settings/apps/{about['slug']}")
    yield Finding("github app", "ok", f"{one.requests.base_url} knows the key as {about['slug']} (bot: {one.login()})")
    yield from levels("app's permissions", about.get("permissions") or {}, f"change them at {page}/permissions")
    missing = sorted(needed_events - {"ping"} - set(about.get("events") or ()))
    if missing:
        yield Finding("app's events", "fail", f"missing: {', '.join(missing)}", f"add them at {page}/permissions")
    else:
        yield Finding("app's events", "ok", "all that are read")


def app_on(one: App, repo: Repo) -> Iterator[Finding]:
    """Look at an App's installation on a repository, and try whether a token for it is issued."""
    place = one.installation(repo)
    if place.suspended:
        advice = f"take that back at {place.page}"
        yield Finding("installation", "fail", f"suspended on {place.suspended[:10]}", advice)
        return
    if place.all_repositories:
        advice = f"name the repositories at {place.page}"
        yield Finding("installation", "warn", "on all repositories of the account", advice)
    else:
        yield Finding("installation", "ok", "on chosen repositories")
    yield from levels("permissions", place.permissions, f"accept the App's permissions at {place.page}")
    one.secret(repo, Phase.READ)


def levels(check: str, has: Mapping[str, str], advice: str) -> Iterator[Finding]:
    """Compare permissions with those that are needed."""
    order, needs = ("", "read", "write", "admin"), wanted()
    rank = {name: order.index(level) if level in order else 0 for name, level in has.items()}
    lacking = [f"{name}: {level}" for name, level in needs.items() if rank.get(name, 0) < order.index(level)]
    if lacking:
        yield Finding(check, "fail", f"missing: {', '.join(lacking)}", advice)
    more = [name for name in sorted(has) if rank[name] > order.index(needs.get(name, ""))]
    if more:
        bad = [name for name in more if name in _DANGEROUS]
        state: State = "fail" if bad else "warn"
        yield Finding(f"{check} beyond need", state, ", ".join(f"{name}: {has[name]}" for name in more), advice)
    if not lacking and not more:
        yield Finding(check, "ok", "all that is needed, and no more")


def may_administer(place: Installation) -> bool:
    """Tell whether an installation could change the rules that bind it."""
    return bool(place.permissions.get("administration"))
