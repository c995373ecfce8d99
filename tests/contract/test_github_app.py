"""GitHub as an App: tokens for one repository and phase, renewed, revoked, and what goes wrong with them."""

import time
from collections.abc import Iterator
from typing import Literal

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bot.devforge.appseeding import ALL
from bot.domain.change import GateReport, Repo, Role
from bot.domain.errors import ConfigError, Denied, Invalid, NotFound, Unavailable
from bot.domain.redaction import HIDDEN
from bot.forges.credentials import AppKey
from bot.forges.github.api import GitHubForge
from bot.forges.github.app import App, AppAuth
from bot.forges.github.credentials import NEEDED, PERMISSIONS, Phase, wanted
from bot.forges.github.wire import Pace, Wire
from tests.contract.app_rig import SLUG, WAYS, AppRig, as_app, github_as
from tests.contract.forge_rig import NAME, Rig

REPORT = GateReport("success", "All rules are met", "| rule | state |")


@pytest.fixture
def app() -> Iterator[AppRig]:
    with as_app() as made:
        yield made


@pytest.fixture(params=WAYS)
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    with github_as(request.param) as made:
        yield made


# --- the same whichever credential it is
def test_a_change_is_opened_talked_about_judged_and_merged(rig: Rig) -> None:
    assert rig.forge.whoami() == rig.me
    number = rig.open()
    subject = rig.change(number)
    first = rig.forge.ensure_comment(subject, "r1", "one")
    assert rig.forge.ensure_comment(subject, "r1", "two") == first
    said = rig.dev.comment(NAME, number, "/agent why", by="ann")
    rig.forge.react(subject, said, "eyes")
    ref = rig.ref(number)
    rig.forge.set_gate(rig.repo, ref.head_sha, REPORT)
    gate = next(one for one in rig.forge.checks(rig.repo, ref.head_sha) if one.name == "journeyman/gate")
    assert (gate.state, rig.forge.change(rig.repo, number).author) == ("success", rig.me)
    assert rig.merge(ref)
    assert rig.forge.change(rig.repo, number).state == "merged"
    issue = rig.dev.open_issue(NAME, "Broken", "It fails", by="ann")
    rig.forge.close_issue(rig.repo, issue)
    assert rig.forge.issue(rig.repo, issue).state == "closed"
    assert [who for who, _ in rig.said(subject)] == [rig.me, "ann"]


def test_people_branches_and_files_are_read(rig: Rig) -> None:
    assert rig.forge.role(rig.repo, "ann") == Role.WRITE
    assert rig.forge.role(rig.repo, "nobody-at-all") == Role.NONE
    assert rig.forge.head(rig.repo, rig.forge.default_branch(rig.repo)) == rig.base
    assert rig.forge.file(rig.repo, "a.txt", rig.base) == "one\n"
    with pytest.raises(NotFound):
        rig.forge.issue(rig.repo, 999)


# --- what is asked for
def test_each_phase_gets_what_it_needs_and_no_more(app: AppRig) -> None:
    rig = app.rig
    number = rig.open()
    rig.forge.ensure_comment(rig.change(number), "r1", "one")
    rig.forge.remote(rig.repo, "read")
    rig.forge.remote(rig.repo, "write")
    phases = [Phase.READ, Phase.PROPOSE, Phase.TALK, Phase.FETCH, Phase.PUSH]
    wanted_rows = [{k: v for k, v in PERMISSIONS[phase].items() if k != "metadata"} for phase in phases]
    assert sorted(map(str, app.granted())) == sorted(map(str, wanted_rows))
    assert all(grant.repositories == frozenset({NAME}) for _, grant in app.issued())
    assert app.asked("/access_tokens") == len(phases)


def test_no_phase_may_change_workflows_or_settings() -> None:
    for phase, levels in PERMISSIONS.items():
        assert not {"workflows", "administration", "secrets"} & set(levels)
        assert ("repository_hooks" in levels) == (phase is Phase.HOOKS)
        assert levels.get("actions", "read") == "read"
        assert set(levels) >= NEEDED[phase]
    assert wanted() == ALL
    writers = {phase for phase, levels in PERMISSIONS.items() if levels.get("contents") == "write"}
    assert writers == {Phase.PUSH, Phase.MERGE}


def test_a_token_is_used_again_until_five_minutes_before_its_end(app: AppRig) -> None:
    now = 0.0
    held = App(app.key, Wire(app.rig.dev.api_url, 10, True, Pace(0.0)), app.hidden, lambda: now)
    first = held.secret(app.rig.repo, Phase.READ)
    now = 3290.0
    assert held.secret(app.rig.repo, Phase.READ) == first
    now = 3310.0
    assert held.secret(app.rig.repo, Phase.READ) != first
    held.close()


def test_a_token_that_is_over_at_once_is_no_reason_to_ask_for_ever(app: AppRig) -> None:
    app.rig.dev.set_life(0.0)
    with pytest.raises(Unavailable):
        app.forge.default_branch(app.rig.repo)
    assert app.asked("/access_tokens") <= 5


def test_what_pushes_and_what_merges_is_revoked_when_that_is_over(app: AppRig) -> None:
    rig = app.rig
    remote = rig.forge.remote(rig.repo, "write")
    rig.forge.pushed(rig.repo)
    assert app.revoked == [remote.secret]
    rig.forge.pushed(rig.repo)
    number = rig.open()
    rig.merge(rig.ref(number))
    assert len(app.revoked) == 2
    assert {"contents": "write"}.items() not in [grant.permissions.items() for _, grant in app.issued()]
    assert not [1 for _, grant in app.issued() if grant.permissions["contents"] == "write"]


def test_all_is_revoked_in_the_end_and_may_begin_again(app: AppRig) -> None:
    app.forge.default_branch(app.rig.repo)
    app.forge.remote(app.rig.repo, "read")
    app.forge.close()
    assert app.issued() == []
    assert len(app.revoked) == 2
    assert app.forge.default_branch(app.rig.repo) == "main"


def test_no_more_than_a_few_are_held_at_once(app: AppRig) -> None:
    dev = app.rig.dev
    for number in range(18):
        dev.add_repo(f"octo/many-{number}", {"a.txt": "x\n"})
        dev.install(SLUG, f"octo/many-{number}")
    for number in range(18):
        app.forge.default_branch(Repo("github", f"octo/many-{number}"))
        app.forge.remote(Repo("github", f"octo/many-{number}"), "read")
    assert len(app.issued()) == 32
    assert len(app.revoked) == 4


def test_git_gets_a_token_that_can_do_just_that(app: AppRig) -> None:
    rig = app.rig
    read = app.forge.remote(rig.repo, "read")
    write = app.forge.remote(rig.repo, "write")
    assert read.secret != write.secret
    kept = {value: dict(grant.permissions) for value, grant in app.issued()}
    assert kept[read.secret] == {"metadata": "read", "contents": "read"}
    assert kept[write.secret] == {"metadata": "read", "contents": "write"}


def test_git_never_gets_a_token_that_was_taken_back(app: AppRig) -> None:
    both: tuple[Literal["read"], Literal["write"]] = ("read", "write")
    for access in both:
        first = app.forge.remote(app.rig.repo, access)
        app.rig.dev.expire_tokens()
        second = app.forge.remote(app.rig.repo, access)
        assert second.secret != first.secret
        assert second.secret in dict(app.issued())


def test_what_was_issued_is_hidden_wherever_it_turns_up(app: AppRig) -> None:
    secret = app.forge.remote(app.rig.repo, "write").secret
    assert app.hidden.clean(f"token {secret} refused") == f"token {HIDDEN} refused"
    assert repr(app.forge.remote(app.rig.repo, "write")).count(secret) == 0
    assert app.key.pem not in repr(app.key)


def test_what_its_own_hook_could_not_deliver_is_asked_for_again(app: AppRig) -> None:
    rig = app.rig
    rig.dev.world.apps.apps[SLUG].events = ("issues",)
    rig.dev.add_repo("octo/other", {"a.txt": "x\n"})
    rig.dev.install(SLUG, "octo/other")
    rig.dev.app_hook(SLUG, "http://127.0.0.1:9/webhooks/github", "a-long-enough-secret")
    for name in (NAME, "octo/other", NAME):
        rig.dev.open_issue(name, "Broken", "It fails", by="ann")
    assert rig.dev.wait_idle(20)
    assert rig.forge.resend(rig.repo, 0.0) == 2
    assert rig.forge.resend(rig.repo, time.time() + 60) == 0
    assert rig.dev.wait_idle(20)
    hook = rig.dev.world.apps.apps[SLUG].hook
    assert hook is not None
    assert [one.redelivery for one in hook.deliveries] == [False, False, False, True, True]


# --- what goes wrong
def test_a_token_that_ends_in_the_middle_is_replaced_and_the_request_said_once_more(app: AppRig) -> None:
    rig = app.rig
    number = rig.open()
    rig.seen.clear()
    assert rig.dev.expire_tokens() > 0
    assert rig.forge.change(rig.repo, number).number == number
    assert app.asked("/access_tokens") == 1
    rig.dev.expire_tokens()
    rig.forge.ensure_comment(rig.change(number), "r1", "one")
    rig.dev.expire_tokens()
    rig.forge.ensure_comment(rig.change(number), "r1", "two")
    assert [text.splitlines()[-1] for _, text in rig.said(rig.change(number))] == ["two"]


def test_after_one_renewal_it_is_for_another_time(app: AppRig) -> None:
    app.forge.default_branch(app.rig.repo)
    app.rig.seen.clear()
    app.rig.dev.fail_next("GET", f"/repos/{NAME}$", status=401, times=9)
    with pytest.raises(Unavailable, match="Bad credentials"):
        app.forge.default_branch(app.rig.repo)
    assert app.asked("/access_tokens") == 1
    assert app.asked(NAME) == 2


def test_a_plain_token_that_is_refused_is_not_said_twice() -> None:
    with github_as("token") as rig:
        rig.dev.fail_next("GET", f"/repos/{NAME}$", status=401, times=9)
        with pytest.raises(Unavailable, match="check the token"):
            rig.forge.default_branch(rig.repo)
        assert len(rig.seen) == 1


@pytest.mark.parametrize("known", [False, True], ids=["at first", "in the middle"])
def test_a_suspended_installation_is_waited_for(app: AppRig, known: bool) -> None:
    if known:
        app.forge.default_branch(app.rig.repo)
    app.rig.dev.suspend(app.installation)
    with pytest.raises(Unavailable, match="suspended"):
        app.forge.default_branch(app.rig.repo)
    with pytest.raises(Unavailable, match=rf"take that back at .*/settings/installations/{app.installation}"):
        app.forge.remote(app.rig.repo, "write")
    app.rig.dev.suspend(app.installation, on=False)
    assert app.forge.default_branch(app.rig.repo) == "main"


def test_a_repository_without_the_app_says_where_to_install_it(app: AppRig) -> None:
    app.rig.dev.add_repo("octo/other", {"a.txt": "x\n"})
    with pytest.raises(Denied, match=rf"not installed on octo/other.*/apps/{SLUG}/installations/new"):
        app.forge.default_branch(Repo("github", "octo/other"))
    app.rig.dev.uninstall(app.installation)
    with pytest.raises(Denied, match="not installed"):
        app.forge.role(app.rig.repo, "ann")
    with pytest.raises(Invalid):
        app.forge.default_branch(Repo("gitlab", NAME))


def test_a_missing_permission_is_named_with_the_page_where_it_is_given(app: AppRig) -> None:
    app.rig.dev.allow(app.installation, {**ALL, "contents": "read"})
    assert app.forge.file(app.rig.repo, "a.txt", app.rig.base) == "one\n"
    with pytest.raises(Denied, match=rf"pushing on {NAME} needs .*contents: write.*/installations/{app.installation}"):
        app.forge.remote(app.rig.repo, "write")
    app.rig.dev.allow(app.installation, ALL)
    assert app.forge.remote(app.rig.repo, "write").secret


def test_without_checks_the_gate_is_a_status(app: AppRig) -> None:
    app.rig.dev.allow(app.installation, {**ALL, "checks": "read"})
    app.forge.set_gate(app.rig.repo, app.rig.base, REPORT)
    (gate,) = app.forge.checks(app.rig.repo, app.rig.base)
    assert (gate.name, gate.source) == ("journeyman/gate", f"{SLUG}[bot]")
    app.rig.dev.allow(app.installation, {**ALL, "checks": "read", "statuses": "read"})
    app.forge.close()
    with pytest.raises(Denied, match=r"not accessible by integration.*this needs statuses=write"):
        app.forge.set_gate(app.rig.repo, app.rig.base, GateReport("failure", "No", "no"))


@pytest.mark.parametrize("ahead", [-86400, -120, 90, 86400])
def test_a_wrong_clock_does_no_harm(app: AppRig, ahead: float) -> None:
    app.rig.dev.set_clock(ahead)
    assert app.forge.default_branch(app.rig.repo) == "main"
    assert app.forge.remote(app.rig.repo, "write").secret
    assert app.asked("/access_tokens") == 2
    app.forge.default_branch(app.rig.repo)
    assert app.asked("/access_tokens") == 2


def test_a_key_that_is_not_the_apps_says_what_to_look_at(app: AppRig) -> None:
    stranger = GitHubForge(AppKey("99999", app.key.pem), url=app.rig.dev.api_url, pacing=False)
    with pytest.raises(Unavailable, match="Integration not found; check JOURNEYMAN_GITHUB_APP_ID"):
        stranger.whoami()
    with pytest.raises(Unavailable, match="JOURNEYMAN_GITHUB_APP_ID"):
        stranger.default_branch(app.rig.repo)
    stranger.close()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    old = GitHubForge(AppKey(app.key.app, pem), url=app.rig.dev.api_url, pacing=False)
    with pytest.raises(Unavailable, match="of an App: its id and its key"):
        old.default_branch(app.rig.repo)
    old.close()


@pytest.mark.parametrize("pem", ["", "no key", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----"])
def test_what_is_no_key_is_said_at_once(pem: str) -> None:
    with pytest.raises(ConfigError, match="JOURNEYMAN_GITHUB_APP_KEY is no RSA private key") as caught:
        GitHubForge(AppKey("1", pem), url="http://localhost:9")
    assert "AAAA" not in str(caught.value)


def test_the_app_says_who_it_is_for_ten_minutes_at_most(app: AppRig) -> None:
    claims = jwt.decode(AppAuth(app.key).token, options={"verify_signature": False})
    assert claims["iss"] == app.key.app
    assert claims["iat"] <= time.time() - 59
    assert claims["exp"] - claims["iat"] <= 600
