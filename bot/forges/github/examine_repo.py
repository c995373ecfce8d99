"""Looks at a repository on GitHub: its hook, and the rules that no merge without the gate gets past."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from github.Requester import Requester

from bot.domain.change import GATE, Repo
from bot.domain.errors import Denied, NotFound
from bot.forges.findings import Finding, State
from bot.forges.github.errors import translated
from bot.forges.github.examine import settings_page

OURS = "/webhooks/github"
_LATEST = 20


@dataclass(frozen=True, slots=True)
class Required:
    """A check that must be green; `source` is the app that must have reported it, None for anybody."""

    name: str
    source: int | None


# --- hooks ----------------------------------------------------------------------------------------------------------
def hook(requester: Requester, repo: Repo, events: frozenset[str]) -> Iterator[Finding]:
    """Look at the repository's own hook to us, and what became of its latest deliveries."""
    place, page = f"/repos/{repo.name}", settings_page(requester.base_url, f"/{repo.name}/settings/hooks")
    try:
        rows = _get(requester, f"{place}/hooks?per_page=100")
    except (Denied, NotFound):
        advice = f"look at {page} yourself, or let the token read webhooks"
        yield Finding("hook", "warn", "the credential may not see hooks", advice)
        return
    ours = [row for row in rows if urlsplit(str(row["config"].get("url", ""))).path.endswith(OURS)]
    if not ours:
        advice = f"add one at {page}: your address with {OURS}, a secret, content type application/json"
        yield Finding("hook", "fail", f"none leads to {OURS}", advice)
        return
    for row in ours:
        yield _setup(row, events, page)
        yield deliveries(_get(requester, f"{place}/hooks/{row['id']}/deliveries?per_page={_LATEST}"), page)


def app_hook(requester: Requester, slug: str) -> Iterator[Finding]:
    """Look at an App's hook, and what became of its latest deliveries."""
    page = settings_page(requester.base_url, f"/settings/apps/{slug}")
    config = _get(requester, "/app/hook/config")
    if not urlsplit(str(config.get("url") or "")).path.endswith(OURS):
        advice = f"set your address with {OURS} as the webhook's, at {page}"
        yield Finding("hook", "fail", f"it does not lead to {OURS}", advice)
        return
    yield _config(config, page) or Finding("hook", "ok", f"leads to {config['url']}")
    yield deliveries(_get(requester, f"/app/hook/deliveries?per_page={_LATEST}"), f"{page}/advanced")


def _setup(row: Mapping[str, Any], events: frozenset[str], page: str) -> Finding:
    missing = sorted(events - {"ping"} - set(row["events"])) if "*" not in row["events"] else []
    if not row["active"]:
        return Finding("hook", "fail", "it is switched off", f"switch it on at {page}/{row['id']}")
    if missing:
        return Finding("hook", "fail", f"events missing: {', '.join(missing)}", f"add them at {page}/{row['id']}")
    found = f"leads to {row['config']['url']}, with all events that are read"
    return _config(row["config"], f"{page}/{row['id']}") or Finding("hook", "ok", found)


def _config(config: Mapping[str, Any], page: str) -> Finding | None:
    if not config.get("secret"):
        return Finding("hook", "fail", "it has no secret", f"set that of JOURNEYMAN_GITHUB_WEBHOOK_SECRET at {page}")
    if str(config.get("insecure_ssl", "0")) != "0":
        return Finding("hook", "fail", "certificates are not checked", f"switch SSL verification on at {page}")
    return None


def deliveries(rows: Sequence[Mapping[str, Any]], page: str) -> Finding:
    """Judge the latest deliveries, the newest first."""
    if not rows:
        return Finding("deliveries", "warn", "none yet", f"redeliver the ping at {page}, or comment on an issue")
    came = [200 <= int(row["status_code"]) < 300 for row in rows]
    newest = rows[0]
    if came[0]:
        lost = came.count(False)
        state: State = "warn" if lost else "ok"
        found = f"the latest came ({newest['delivered_at']}); of the last {len(rows)}, {lost} did not"
        return Finding("deliveries", state, found, f"see why at {page}" if lost else "")
    why = f"{newest['status_code']} {newest['status']}".strip()[:100]
    advice = f"see why at {page}: is the address right, the receiver up, and the secret the same?"
    return Finding("deliveries", "fail", f"the latest did not come ({newest['delivered_at']}): {why}", advice)


# --- rules ----------------------------------------------------------------------------------------------------------
def protection(requester: Requester, repo: Repo, app: int | None, *, admin: bool) -> Iterator[Finding]:
    """Look at the rules of the default branch; `admin` says that the bot's credential could change or pass them."""
    place = f"/repos/{repo.name}"
    branch = str(_get(requester, place)["default_branch"])
    rules = _get(requester, f"{place}/rules/branches/{quote(branch, safe='')}?per_page=100")
    classic = _get(requester, f"{place}/branches/{quote(branch, safe='')}").get("protection") or {}
    page = settings_page(requester.base_url, f"/{repo.name}/settings/rules")
    required = _required(rules, classic)
    if not rules and not classic.get("enabled"):
        advice = f"make a rule for it at {page} that requires a pull request and the check {GATE}"
        yield Finding("protection", "fail", f"{branch} has none", advice)
        return
    yield Finding("protection", "ok", f"{branch} has rules")
    yield _gate(required, app, page)
    yield from _bypass(requester, place, rules, page, admin=admin)


def _required(rules: Sequence[Mapping[str, Any]], classic: Mapping[str, Any]) -> list[Required]:
    found = [
        Required(str(one["context"]), one.get("integration_id"))
        for rule in rules
        if rule["type"] == "required_status_checks"
        for one in rule["parameters"]["required_status_checks"]
    ]
    checks = (classic.get("required_status_checks") or {}).get("checks") or ()
    return found + [Required(str(one["context"]), one.get("app_id")) for one in checks]


def _gate(required: Sequence[Required], app: int | None, page: str) -> Finding:
    ours = [one for one in required if one.name == GATE]
    if not ours:
        return Finding("required check", "fail", f"{GATE} is not required", f"add {GATE} to the checks at {page}")
    sources = {one.source for one in ours if one.source not in (None, -1)}
    if sources - {app}:
        whose = "our App" if app is not None else "any source: what a token writes comes from no app"
        found = f"{GATE} is expected from another app ({', '.join(map(str, sorted(sources - {app}, key=str)))})"
        return Finding("required check", "fail", found, f"choose {whose} as its source at {page}")
    if not sources and app is not None:
        advice = f"choose our App as its source at {page}"
        return Finding("required check", "warn", f"{GATE} is taken from anybody who may write statuses", advice)
    if not sources:
        advice = "use a GitHub App: only what an App writes can be told from what others write"
        return Finding("required check", "warn", f"{GATE} is taken from anybody who may write statuses", advice)
    return Finding("required check", "ok", f"{GATE}, from our App only")


def _bypass(
    requester: Requester, place: str, rules: Sequence[Mapping[str, Any]], page: str, *, admin: bool
) -> Iterator[Finding]:
    numbers = sorted({int(rule["ruleset_id"]) for rule in rules if rule.get("ruleset_id")})
    open_to_us = []
    for number in numbers:
        try:
            found = _get(requester, f"{place}/rulesets/{number}")
        except NotFound:
            continue  # of an organisation, and not ours to see
        if found.get("current_user_can_bypass", "never") != "never":
            open_to_us.append(str(found["name"]))
    if open_to_us:
        advice = f"take the bot out of the bypass list at {page}"
        yield Finding("bypass", "fail", f"the bot may bypass {', '.join(open_to_us)}", advice)
    elif admin:
        advice = "give it no more than write: the gate binds only who cannot change the rules"
        yield Finding("bypass", "fail", "the bot may administer the repository, so it could change the rules", advice)
    else:
        yield Finding("bypass", "ok", "the bot is on no bypass list that it can see, and administers nothing")


def _get(requester: Requester, path: str) -> Any:
    with translated():
        return requester.requestJsonAndCheck("GET", path)[1]
