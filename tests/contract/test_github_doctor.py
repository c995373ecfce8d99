"""What the doctor finds on GitHub: one line for each thing that is not as it should be, with the next step."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bot.config import Settings, load
from bot.devforge.appseeding import ALL
from bot.domain.change import GATE
from bot.forges.findings import Finding
from bot.forges.github.api import GitHubForge
from bot.forges.github.credentials import wanted
from bot.forges.github.manifest import manifest
from bot.forges.github.webhook import EVENTS
from tests.contract.app_rig import SLUG, AppRig, as_app
from tests.contract.forge_rig import NAME, Rig, running
from workers.doctor import Line, examine

SECRET = "a-long-enough-secret"
TOKEN_NEEDS = {
    "contents": "write",
    "issues": "write",
    "metadata": "read",
    "pull_requests": "write",
    "statuses": "write",
}
DEAD = "http://127.0.0.1:9/webhooks/github"


@pytest.fixture
def rig() -> Iterator[Rig]:
    with running("github") as made:
        yield made


@pytest.fixture
def app() -> Iterator[AppRig]:
    with as_app() as made:
        yield made


def looked(rig: Rig, token: str) -> dict[str, Finding]:
    with closing(GitHubForge(token, url=rig.dev.api_url, pacing=False)) as forge:
        return {one.check: one for one in forge.examine(rig.repo)}


def of_app(app: AppRig) -> dict[str, Finding]:
    return {one.check: one for one in app.forge.examine(app.rig.repo)}


def good(app: AppRig) -> None:
    """Set everything up as it should be."""
    made = app.rig.dev.world.apps.apps[SLUG]
    made.events = tuple(EVENTS - {"ping"})
    app.rig.dev.app_hook(SLUG, DEAD, SECRET)
    app.rig.dev.add_ruleset(NAME, "gate", [GATE], source=made.id)


def told(found: dict[str, Finding], check: str) -> tuple[str, str]:
    return found[check].state, found[check].found


def test_what_an_app_is_made_with_is_what_the_doctor_looks_for() -> None:
    made = manifest("journeyman", "https://bot.example.invalid", "http://127.0.0.1:1/back")
    assert set(made["default_events"]) == EVENTS - {"ping"}
    assert made["default_permissions"] == wanted() == ALL


# --- apps
def test_an_app_that_is_set_up_well(app: AppRig) -> None:
    good(app)
    hook = app.rig.dev.world.apps.apps[SLUG].hook
    assert hook is not None
    app.rig.dev.open_issue(NAME, "Broken", "It fails", by="ann")
    assert app.rig.dev.wait_idle(20)
    hook.deliveries[-1].code = 202
    found = of_app(app)
    assert {check: one.state for check, one in found.items()} == {
        "github app": "ok",
        "app's permissions": "ok",
        "app's events": "ok",
        "hook": "ok",
        "deliveries": "ok",
        "installation": "ok",
        "permissions": "ok",
        "protection": "ok",
        "required check": "ok",
        "bypass": "ok",
    }
    assert all(one.next == "" for one in found.values())
    assert found["github app"].found.endswith(f"(bot: {SLUG}[bot])")
    assert app.rig.writes() == ["POST"]


@pytest.mark.parametrize(
    ("change", "check", "state", "words"),
    [
        ({"contents": "read"}, "permissions", "fail", "missing: contents: write"),
        ({"administration": "write"}, "permissions beyond need", "fail", "administration: write"),
        ({"workflows": "write"}, "permissions beyond need", "fail", "workflows: write"),
        ({"pages": "read"}, "permissions beyond need", "warn", "pages: read"),
        ({"administration": "read"}, "bypass", "fail", "could change the rules"),
    ],
)
def test_an_installation_with_too_little_or_too_much(
    app: AppRig, change: dict[str, str], check: str, state: str, words: str
) -> None:
    good(app)
    app.rig.dev.allow(app.installation, {**ALL, **change})
    one = of_app(app)[check]
    assert (one.state, words in one.found, bool(one.next)) == (state, True, True)


def test_an_app_that_is_told_of_too_little_or_on_another_address(app: AppRig) -> None:
    found = of_app(app)
    assert told(found, "app's events")[0] == "fail"
    assert "issue_comment" in found["app's events"].found
    assert told(found, "hook") == ("fail", "it does not lead to /webhooks/github")
    assert told(found, "protection") == ("fail", "main has none")
    app.rig.dev.app_hook(SLUG, DEAD, "")
    assert told(of_app(app), "hook") == ("fail", "it has no secret")


def test_a_hook_whose_deliveries_do_not_come(app: AppRig) -> None:
    good(app)
    assert told(of_app(app), "deliveries") == ("warn", "none yet")
    app.rig.dev.open_issue(NAME, "Broken", "It fails", by="ann")
    assert app.rig.dev.wait_idle(20)
    one = of_app(app)["deliveries"]
    assert one.state == "fail"
    assert "failed to connect" in one.found
    assert "/settings/apps/journeyman/advanced" in one.next


def test_a_suspended_or_missing_installation(app: AppRig) -> None:
    good(app)
    app.rig.dev.suspend(app.installation)
    found = of_app(app)
    assert found["installation"].state == "fail"
    assert "suspended on" in found["installation"].found
    assert "protection" not in found
    app.rig.dev.uninstall(app.installation)
    assert "install it there at" in of_app(app)["installation"].next


@pytest.mark.parametrize(
    ("source", "bypass", "check", "state", "words"),
    [
        (None, (), "required check", "warn", "taken from anybody"),
        (424242, (), "required check", "fail", "expected from another app (424242)"),
        (None, ("journeyman[bot]",), "bypass", "fail", "may bypass gate"),
    ],
)
def test_rules_that_do_not_hold(
    app: AppRig, source: int | None, bypass: tuple[str, ...], check: str, state: str, words: str
) -> None:
    app.rig.dev.add_ruleset(NAME, "gate", [GATE], source=source, bypass=bypass)
    one = of_app(app)[check]
    assert (one.state, words in one.found, bool(one.next)) == (state, True, True)


def test_rules_that_do_not_ask_for_the_gate(app: AppRig) -> None:
    app.rig.dev.protect(NAME, "main", required_contexts=["ci/tests"])
    assert told(of_app(app), "required check") == ("fail", f"{GATE} is not required")
    app.rig.dev.protect(NAME, "main", required_contexts=["ci/tests", GATE])
    assert of_app(app)["required check"].state == "warn"


# --- tokens
def test_a_fine_grained_token_that_fits(rig: Rig) -> None:
    token = rig.dev.add_fine_token("ann", TOKEN_NEEDS, repos=[NAME], seconds=90 * 86400)
    rig.dev.protect(NAME, "main", required_contexts=[GATE])
    before = rig.dev.world.next_id()
    found = looked(rig, token)
    states = {check: one.state for check, one in found.items()}
    assert states == {
        "github token": "ok",
        "token's end": "ok",
        "permissions": "ok",
        "permissions beyond need": "ok",
        "hook": "warn",
        "protection": "ok",
        "required check": "warn",
        "bypass": "ok",
    }
    assert found["hook"].found == "the credential may not see hooks"
    assert "only what an App writes" in found["required check"].next
    assert rig.dev.world.next_id() == before + 1, "the doctor left something behind"
    assert rig.forge.head(rig.repo, "main") == rig.base


@pytest.mark.parametrize("name", ["contents", "issues", "pull_requests", "statuses"])
def test_a_fine_grained_token_that_lacks_something(rig: Rig, name: str) -> None:
    levels = {**TOKEN_NEEDS, name: "read"}
    if name in ("issues", "pull_requests"):
        levels = {**levels, "issues": "read", "pull_requests": "read"}
    one = looked(rig, rig.dev.add_fine_token("ann", levels, repos=[NAME]))["permissions"]
    assert one.state == "fail"
    assert f"{name}: write" in one.found
    assert "/settings/tokens" in one.next


def test_tokens_that_may_too_much_or_end_too_soon(rig: Rig) -> None:
    found = looked(rig, rig.dev.add_fine_token("root", {**TOKEN_NEEDS, "administration": "read"}, seconds=3 * 86400))
    assert told(found, "permissions beyond need") == ("fail", "administration")
    assert found["token's end"].state == "warn"
    assert "in 2 days" in found["token's end"].found
    assert found["hook"].state == "warn"
    assert told(found, "protection") == ("fail", "main has none")
    plain = looked(rig, rig.dev.add_fine_token("root", TOKEN_NEEDS))
    assert told(plain, "permissions beyond need") == ("warn", "its account administers the repository")


def test_classic_tokens(rig: Rig) -> None:
    wide = looked(rig, rig.dev.add_classic_token("ann", ["repo", "workflow", "delete_repo"]))
    assert told(wide, "token's scopes") == ("warn", "more than is needed: delete_repo, workflow")
    assert told(wide, "token's end") == ("warn", "none is told")
    narrow = looked(rig, rig.dev.add_classic_token("ann", ["gist"], seconds=60 * 86400))
    assert told(narrow, "token's scopes") == ("fail", "gist")
    assert narrow["token's end"].state == "ok"
    assert told(looked(rig, rig.dev.add_classic_token("ann", ["repo"])), "token's scopes")[0] == "warn"


def test_a_token_that_somebody_else_had_issued_for_an_installation(app: AppRig) -> None:
    found = looked(app.rig, app.forge.remote(app.rig.repo, "write").secret)
    assert told(found, "github token")[0] == "warn"
    assert "JOURNEYMAN_GITHUB_APP_ID" in found["github token"].next
    assert "issues: write" in found["permissions"].found


def test_a_hook_that_is_not_as_it_should_be(rig: Rig) -> None:
    token = rig.dev.add_fine_token("root", {**TOKEN_NEEDS, "repository_hooks": "read"})
    assert told(looked(rig, token), "hook") == ("fail", "none leads to /webhooks/github")
    number = rig.dev.add_hook(NAME, DEAD, SECRET, events=["push"])
    assert "events missing: check_run" in looked(rig, token)["hook"].found
    place = rig.dev.world.repo(NAME)
    assert place is not None
    place.hooks[number].active = False
    assert told(looked(rig, token), "hook") == ("fail", "it is switched off")


# --- credentials that are not taken, and a forge that is away
def test_a_credential_that_is_not_taken_is_one_line(rig: Rig) -> None:
    (one,) = looked(rig, "ghp_" + "0" * 36).values()
    assert (one.check, one.state) == ("github token", "fail")
    assert "check the token" in one.next
    assert "ghp_" not in one.next


def lines(**settings: Any) -> list[Line]:
    return [line for line in examine(Settings(**settings)) if line.layer == "application"]


def test_a_forge_that_is_away_is_one_line(tmp_path: Path) -> None:
    found = lines(data_dir=tmp_path, github_url="http://127.0.0.1:9", github_token="t" * 20)
    (line,) = [one for one in found if one.check == "github token"]
    assert line.state == "fail"
    assert "could not be reached" in line.next
    assert {one.check for one in found} == {"github token", "webhook secret", "chat"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"github_token": "t" * 20, "github_app_id": "1", "github_app_key": "k"}, "keep the App"),
        ({"github_app_key": "k" * 20}, "set JOURNEYMAN_GITHUB_APP_ID"),
        ({"github_app_id": "1"}, "JOURNEYMAN_GITHUB_APP_KEY_FILE"),
        ({"github_app_id": "1", "github_app_key": "k" * 20}, "no RSA private key"),
    ],
)
def test_credentials_that_cannot_work_are_one_line(tmp_path: Path, settings: dict[str, str], words: str) -> None:
    (line,) = [one for one in lines(data_dir=tmp_path, **settings) if one.check == "forge"]
    assert line.state == "fail"
    assert words in line.next


def test_an_app_comes_from_the_settings_and_gives_back_what_it_was_issued(app: AppRig, tmp_path: Path) -> None:
    key = tmp_path / "app.pem"
    key.write_text(app.key.pem)
    settings = load(
        {
            "JOURNEYMAN_DATA_DIR": str(tmp_path / "data"),
            "JOURNEYMAN_GITHUB_URL": app.rig.dev.api_url,
            "JOURNEYMAN_GITHUB_APP_ID": app.key.app,
            "JOURNEYMAN_GITHUB_APP_KEY_FILE": str(key),
        }
    )
    found = {line.check: line for line in examine(settings, app.rig.repo) if line.layer == "application"}
    assert found["github app"].state == found["permissions"].state == "ok"
    assert app.revoked
    assert app.issued() == []
