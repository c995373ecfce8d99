"""Answers of GitLab that are too rare for a forge of our own to give: recorded shapes, one request each."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import responses
from responses import matchers

from bot.domain.change import GateReport, Ref, Repo, Role, Subject
from bot.domain.errors import Denied, ForgeError, Invalid, NotFound, Stale, Unavailable
from bot.forges.gitlab.api import GitLabForge
from bot.forges.registry import forge_for
from tests.contract.forge_rig import PLAN, permission_to_merge, permission_to_open

ROOT = "https://gitlab.example.invalid"
API = f"{ROOT}/api/v4"
AT = f"{API}/projects/group%2Fsub%2Fhello"
REPO = Repo("gitlab", "group/sub/hello")
SHA, BASE, LANDED = "ab" * 20, "cd" * 20, "ef" * 20
REF = Ref(REPO, 7, SHA)
JSON = dict[str, Any]


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def forge() -> Iterator[GitLabForge]:
    made = GitLabForge("s3cr3t", url=f"{ROOT}/", bot_login="bot", pacing=False)
    yield made
    made.close()


def user(number: int, name: str, **more: Any) -> JSON:
    return {"id": number, "username": name, "name": name, "state": "active", **more}


def merge_request(**more: Any) -> JSON:
    """A merge request as GitLab describes it, as far as we read."""
    return {
        "iid": 7,
        "title": "t",
        "description": None,
        "state": "opened",
        "author": None,
        "sha": SHA,
        "source_branch": "topic",
        "target_branch": "main",
        "source_project_id": 1,
        "target_project_id": 1,
        "labels": [],
        "draft": False,
        "detailed_merge_status": "mergeable",
        "has_conflicts": False,
        "diff_refs": {"base_sha": BASE, "head_sha": SHA, "start_sha": BASE},
        "changes_count": "1",
        "merge_commit_sha": None,
        "squash_commit_sha": None,
        "web_url": f"{ROOT}/group/sub/hello/-/merge_requests/7",
        **more,
    }


def commit(author: str, committer: str | None = None) -> JSON:
    return {"id": SHA, "author_email": author, "committer_email": committer or author}


def lists(web: responses.RequestsMock, *, events: tuple[JSON, ...] = (), commits: tuple[JSON, ...] = ()) -> None:
    web.get(f"{AT}/merge_requests/7/diffs", json=[{"old_path": "a", "new_path": "b", "collapsed": True}])
    web.get(f"{AT}/merge_requests/7/commits", json=list(commits))
    web.get(f"{AT}/merge_requests/7/resource_label_events", json=list(events))


# --- failures -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "headers", "pause"),
    [
        (429, {"Retry-After": "30"}, 30),
        (429, {"Retry-After": "soon"}, 60),
        (429, {"Retry-After": "-1"}, 0),
        (429, {"Retry-After": "nan"}, 60),
        (429, {}, 60),
        (429, {"RateLimit-Reset": "1700000090", "Date": "Tue, 14 Nov 2023 22:13:20 GMT"}, 90),
        (429, {"RateLimit-Reset": "1", "Date": "no date"}, 1),
        (503, {"Retry-After": "5"}, 5),
        (503, {}, None),
    ],
)
def test_a_pause_is_told(
    web: responses.RequestsMock, forge: GitLabForge, status: int, headers: dict[str, str], pause: float | None
) -> None:
    web.get(f"{AT}/issues/1", status=status, headers=headers, body="Retry later\n")
    with pytest.raises(Unavailable, match="Retry later") as caught:
        forge.issue(REPO, 1)
    assert caught.value.retry_after == pytest.approx(pause)
    assert len(web.calls) == 1


@pytest.mark.parametrize(
    ("status", "body", "expected", "words"),
    [
        (
            400,
            {"message": {"title": ["can't be blank"], "base": ["is odd"]}},
            Invalid,
            "title can't be blank; base is odd",
        ),
        (401, {"error": "invalid_token", "error_description": "Token was revoked."}, Unavailable, "check the token"),
        (403, {"error": "insufficient_scope", "scope": "api"}, Denied, "insufficient_scope"),
        (404, {"message": "404 Project Not Found"}, NotFound, "Project"),
        (405, {"message": "405 Method Not Allowed"}, Stale, "405"),
        (406, {"message": "Branch cannot be merged"}, Stale, "406"),
        (409, {"message": ["Another open merge request already exists"]}, Stale, "already exists"),
        (410, {"message": "gone"}, NotFound, "gone"),
        (412, {"message": "412 Precondition Failed"}, Invalid, "412"),
        (408, {"message": "Timed out"}, Unavailable, "408"),
        (500, "<html>GitLab is\nnot responding</html>", Unavailable, "500: <html>GitLab is not responding</html>"),
        (502, "", Unavailable, "no explanation"),
        (200, [], Unavailable, "could not be read"),
        (200, {"iid": "seven", "title": "t", "state": "opened"}, Unavailable, "could not be read"),
        (200, {"iid": 1, "title": "t"}, Unavailable, "could not be read"),
        (200, "{cut", Unavailable, "could not be read"),
    ],
)
def test_an_odd_answer_is_told_in_our_words(
    web: responses.RequestsMock, forge: GitLabForge, status: int, body: Any, expected: type[ForgeError], words: str
) -> None:
    said = {"body": body} if isinstance(body, str) else {"json": body}
    web.get(f"{AT}/issues/1", status=status, **said)
    with pytest.raises(expected, match="GitLab") as caught:
        forge.issue(REPO, 1)
    assert words in str(caught.value)
    assert "s3cr3t" not in str(caught.value)
    if isinstance(caught.value, Unavailable):
        assert caught.value.retry_after is None
    assert len(web.calls) == 1


@pytest.mark.parametrize("place", ["https://evil.example.invalid/x", f"{API}/projects/9/issues/1"])
def test_a_redirect_is_never_followed(web: responses.RequestsMock, forge: GitLabForge, place: str) -> None:
    web.get(f"{AT}/issues/1", status=301, headers={"Location": place}, json={})
    web.get(place, json={"iid": 1, "title": "t", "state": "opened"})
    with pytest.raises(Invalid, match="another address"):
        forge.issue(REPO, 1)
    assert len(web.calls) == 1


def test_the_token_is_a_bearers_and_in_no_address(web: responses.RequestsMock) -> None:
    forge = GitLabForge("s3cr3t", url=ROOT, ca_file="/etc/own-ca.pem", pacing=False)
    web.get(f"{API}/user", json=user(5, "bot"))
    assert forge.whoami() == "bot"
    forge.close()
    sent: Any = web.calls[0].request
    assert sent.headers["Authorization"] == "Bearer s3cr3t"
    assert "s3cr3t" not in sent.url
    assert sent.req_kwargs["verify"] == "/etc/own-ca.pem"
    assert sent.req_kwargs["timeout"] == 15


def test_a_token_that_cannot_ask_who_it_is_says_what_to_set(web: responses.RequestsMock) -> None:
    forge = GitLabForge("t", url=ROOT, pacing=False)
    web.get(f"{API}/user", status=403, json={"error": "insufficient_scope"})
    with pytest.raises(Denied, match="login set"):
        forge.whoami()
    forge.close()


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_leads_elsewhere_is_asked_for_nowhere(forge: GitLabForge, name: str) -> None:
    with pytest.raises(Invalid):
        forge.head(REPO, name)


def test_a_list_without_end_is_refused(web: responses.RequestsMock, forge: GitLabForge) -> None:
    web.get(f"{AT}/repository/commits/{SHA}/statuses", json=[], headers={"X-Next-Page": "2"})
    with pytest.raises(Invalid, match="more than"):
        forge.checks(REPO, SHA)


def test_a_short_page_need_not_be_the_last(web: responses.RequestsMock, forge: GitLabForge) -> None:
    rows = [{"id": number, "name": f"s{number}", "status": "success", "author": user(1, "ann")} for number in (1, 2)]
    address = f"{AT}/repository/commits/{SHA}/statuses"
    web.get(address, json=rows[:1], headers={"X-Next-Page": "2"}, match=[page(1)])
    web.get(address, json=rows[1:], headers={"X-Next-Page": ""}, match=[page(2)])
    web.get(f"{AT}/pipelines", json=[])
    assert [check.name for check in forge.checks(REPO, SHA)] == ["s1", "s2"]


def page(number: int) -> Any:
    return matchers.query_param_matcher({"page": str(number)}, strict_match=False)


# --- changes --------------------------------------------------------------------------------------------------------
def test_a_change_that_moves_while_it_is_read_is_read_again(web: responses.RequestsMock, forge: GitLabForge) -> None:
    web.get(f"{AT}/merge_requests/7", json=merge_request())
    for _ in range(3):
        web.get(f"{AT}/merge_requests/7", json=merge_request(sha=LANDED))
    lists(web)
    assert forge.change(REPO, 7).head_sha == LANDED


def test_a_change_that_never_stands_still_is_unavailable(web: responses.RequestsMock, forge: GitLabForge) -> None:
    for number in range(6):
        refs = {"base_sha": BASE, "head_sha": SHA, "start_sha": f"{number:040x}"}
        web.get(f"{AT}/merge_requests/7", json=merge_request(diff_refs=refs))
    lists(web)
    with pytest.raises(Unavailable, match="kept moving"):
        forge.change(REPO, 7)


@pytest.mark.parametrize(
    ("more", "expected", "words"),
    [
        ({"changes_count": "1000+"}, Invalid, "too big"),
        ({"changes_count": "2"}, Invalid, "lists 1 of 2"),
        ({"changes_count": None}, Unavailable, "not counted"),
        ({"diff_refs": None}, Unavailable, "diff"),
        ({"sha": None}, Unavailable, "diff"),
    ],
)
def test_a_change_that_cannot_be_seen_in_full_is_not_judged(
    web: responses.RequestsMock, forge: GitLabForge, more: JSON, expected: type[ForgeError], words: str
) -> None:
    web.get(f"{AT}/merge_requests/7", json=merge_request(**more))
    lists(web)
    with pytest.raises(expected, match=words):
        forge.change(REPO, 7)


@pytest.mark.parametrize("hole", ["title", "state", "sha", "target_branch", "labels", "diff_refs", "changes_count"])
def test_a_change_with_a_hole_is_no_change(web: responses.RequestsMock, forge: GitLabForge, hole: str) -> None:
    whole = merge_request()
    del whole[hole]
    web.get(f"{AT}/merge_requests/7", json=whole)
    lists(web)
    with pytest.raises(Unavailable, match="could not be read"):
        forge.change(REPO, 7)


@pytest.mark.parametrize(
    ("more", "mergeable"),
    [
        ({}, True),
        ({"detailed_merge_status": "not_approved"}, True),
        ({"detailed_merge_status": "checking"}, None),
        ({"detailed_merge_status": "preparing"}, None),
        ({"state": "locked"}, None),
        ({"detailed_merge_status": "conflict"}, False),
        ({"detailed_merge_status": "need_rebase"}, False),
        ({"detailed_merge_status": "checking", "has_conflicts": True}, False),
    ],
)
def test_whether_it_can_be_merged(
    web: responses.RequestsMock, forge: GitLabForge, more: JSON, mergeable: bool | None
) -> None:
    web.get(f"{AT}/merge_requests/7", json=merge_request(**more))
    lists(web)
    change = forge.change(REPO, 7)
    assert (change.mergeable, change.files, change.state) == (mergeable, ("a", "b"), "open")


def act(number: int, action: str, who: JSON | None, name: str | None = "go", at: str = "00") -> JSON:
    label = {"id": 1, "name": name} if name else None
    when = f"2026-01-01T00:00:{at}.000Z"
    return {"id": number, "action": action, "user": who, "created_at": when, "label": label}


ANN, MO, APP, TOKEN = user(1, "ann"), user(2, "mo"), user(3, "app"), user(4, "project_1_bot_0a1b")


@pytest.mark.parametrize(
    ("events", "by", "by_bot"),
    [
        ((), "", None),
        ((act(1, "add", ANN, name="other"),), "", None),
        ((act(1, "add", ANN, name=None),), "", None),
        ((act(1, "add", None),), "", None),
        ((act(1, "add", ANN),), "ann", False),
        ((act(1, "add", APP),), "app", True),
        ((act(1, "add", TOKEN),), "project_1_bot_0a1b", True),
        ((act(1, "add", MO),), "mo", None),
        ((act(1, "add", ANN), act(2, "remove", MO)), "", None),
        ((act(3, "add", MO), act(1, "add", ANN), act(2, "remove", ANN)), "mo", None),
        ((act(1, "add", APP, at="09"), act(2, "add", ANN, at="01")), "app", True),
    ],
)
def test_a_label_counts_for_whoever_set_it_last(
    web: responses.RequestsMock, forge: GitLabForge, events: tuple[JSON, ...], by: str, by_bot: bool | None
) -> None:
    web.get(f"{AT}/merge_requests/7", json=merge_request(labels=["go"]))
    lists(web, events=events)
    web.get(f"{API}/users/1", json={**ANN, "bot": False})
    web.get(f"{API}/users/3", json={**APP, "bot": True})
    web.get(f"{API}/users/2", status=404, json={"message": "404 User Not Found"})  # gone meanwhile
    (label,) = forge.change(REPO, 7).labels
    assert (label.name, label.by, label.by_bot) == ("go", by, by_bot)


PRIVATE = "users.noreply.gitlab.example.invalid"


@pytest.mark.parametrize(
    ("mail", "login"),
    [
        ("me@corp.invalid", "bot"),
        ("ME@corp.invalid", "bot"),
        (f"1-ann@{PRIVATE}", "ann"),
        (f"1-somebody-else@{PRIVATE}", "ann"),  # GitLab goes by the number alone
        (f"99-ann@{PRIVATE}", ""),
        (f"ann@{PRIVATE}", ""),
        ("1-ann@users.noreply.github.com", ""),
        ("shown@corp.invalid", "ann"),
        ("older@corp.invalid", "mo"),
        ("named@corp.invalid", ""),  # somebody bears it as a name
        ("shared@corp.invalid", ""),
        ("many@corp.invalid", ""),
        ("hidden@corp.invalid", ""),
        ("secret@corp.invalid", ""),
        ("", ""),
    ],
)
def test_committers_are_those_whom_gitlab_lets_us_know(web: responses.RequestsMock, mail: str, login: str) -> None:
    def found(address: str, **answer: Any) -> None:
        sought = matchers.query_param_matcher({"search": address}, strict_match=False)
        web.get(f"{API}/users", match=[sought], **answer)

    forge = GitLabForge("t", url=ROOT, pacing=False)
    web.get(f"{API}/user", json=user(5, "bot", email="me@corp.invalid", commit_email=f"5-bot@{PRIVATE}"))
    web.get(f"{AT}/merge_requests/7", json=merge_request())
    lists(web, commits=(commit(mail),))
    web.get(f"{API}/users/1", json=user(1, "ann", public_email="shown@corp.invalid"))
    web.get(f"{API}/users/2", json=user(2, "mo", public_email="older@corp.invalid"))
    web.get(f"{API}/users/99", status=404, json={"message": "404 User Not Found"})
    found("shown@corp.invalid", json=[user(1, "ann", public_email="shown@corp.invalid")])
    found("older@corp.invalid", json=[user(2, "mo")])
    found("named@corp.invalid", json=[user(2, "mo", public_email=None), user(1, "ann")])
    found("shared@corp.invalid", json=[user(n, f"u{n}", public_email="shared@corp.invalid") for n in (11, 12)])
    found("many@corp.invalid", json=[user(n, f"u{n}", public_email="many@corp.invalid") for n in range(11, 21)])
    found("hidden@corp.invalid", json=[])
    found("1-ann@users.noreply.github.com", json=[])
    found("secret@corp.invalid", status=403, json={"message": "403 Forbidden"})
    assert forge.change(REPO, 7).committers == (login,)
    forge.close()


def test_more_people_than_we_ask_for_are_not_known_in_full(web: responses.RequestsMock, forge: GitLabForge) -> None:
    web.get(f"{AT}/merge_requests/7", json=merge_request())
    lists(web, commits=tuple(commit(f"1-a{number}@{PRIVATE}") for number in range(30)))
    web.get(f"{API}/users/1", json=user(1, "ann"))
    assert forge.change(REPO, 7).committers == ("", "ann")


def test_a_fork_with_the_same_branch_is_not_ours(web: responses.RequestsMock, forge: GitLabForge) -> None:
    fork, gone = merge_request(iid=9, source_project_id=2), merge_request(iid=8, source_project_id=None)
    other = merge_request(iid=6, source_branch="another")
    web.get(f"{AT}/merge_requests", json=[fork, gone, other])
    web.post(f"{AT}/merge_requests", json=merge_request())
    web.get(f"{AT}/merge_requests/7", json=merge_request())
    lists(web)
    permit = permission_to_open(REPO)
    change = forge.ensure_change(REPO, branch="topic", base="main", title="T", body="B", plan=PLAN, permit=permit)
    assert change.number == 7


def test_a_change_that_somebody_opened_first_is_found(web: responses.RequestsMock, forge: GitLabForge) -> None:
    web.get(f"{AT}/merge_requests", json=[])
    web.get(f"{AT}/merge_requests", json=[merge_request()])
    web.post(f"{AT}/merge_requests", status=409, json={"message": ["Another open merge request already exists"]})
    web.get(f"{AT}/merge_requests/7", json=merge_request())
    lists(web)
    permit = permission_to_open(REPO)
    change = forge.ensure_change(REPO, branch="topic", base="main", title="T", body="B", plan=PLAN, permit=permit)
    assert change.number == 7


# --- people, files, remotes -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("member", "role"),
    [
        *[({"access_level": level}, role) for level, role in [
            (0, Role.NONE), (5, Role.NONE), (10, Role.READ), (15, Role.READ), (20, Role.TRIAGE), (25, Role.TRIAGE),
            (30, Role.WRITE), (40, Role.MAINTAIN), (50, Role.ADMIN), (60, Role.ADMIN),
        ]],
        ({"access_level": 50, "state": "blocked"}, Role.NONE),
        ({"access_level": 50, "state": "active", "membership_state": "awaiting"}, Role.NONE),
    ],
)  # fmt: skip
def test_a_level_is_a_role(web: responses.RequestsMock, forge: GitLabForge, member: JSON, role: Role) -> None:
    web.get(f"{API}/users", json=[user(1, "ann")])
    web.get(f"{AT}/members/all/1", json=member)
    assert forge.role(REPO, "ann") == role


@pytest.mark.parametrize("visibility", ["public", "internal", "private"])
def test_who_is_no_member_reads_what_is_open(web: responses.RequestsMock, forge: GitLabForge, visibility: str) -> None:
    web.get(f"{API}/users", json=[user(1, "ann")])
    web.get(f"{AT}/members/all/1", status=404, json={"message": "404 Not found"})
    web.get(AT, json=project(visibility=visibility))
    assert forge.role(REPO, "ann") == (Role.NONE if visibility == "private" else Role.READ)


@pytest.mark.parametrize("found", [[], [user(1, "ann", state="blocked")], [user(1, "anna")]])
def test_who_cannot_sign_in_has_no_role(web: responses.RequestsMock, forge: GitLabForge, found: list[JSON]) -> None:
    web.get(f"{API}/users", json=[{**one, "state": one["state"]} for one in found])
    assert forge.role(REPO, "ann") == Role.NONE


def project(**more: Any) -> JSON:
    address = f"{ROOT}/group/sub/hello.git"
    return {"id": 1, "http_url_to_repo": address, "visibility": "private", "default_branch": "main", **more}


@pytest.mark.parametrize(
    "address",
    ["http://gitlab.example.invalid/a.git", "ssh://git@gitlab.example.invalid/a", "ext::sh -c id", "https:///x"],
)
def test_an_address_that_would_leak_the_token_is_refused(
    web: responses.RequestsMock, forge: GitLabForge, address: str
) -> None:
    web.get(AT, json=project(http_url_to_repo=address))
    with pytest.raises(Invalid):
        forge.remote(REPO, "read")


def test_an_address_loses_what_it_carries(web: responses.RequestsMock, forge: GitLabForge) -> None:
    web.get(AT, json=project(http_url_to_repo="https://user:pass@gitlab.example.invalid/a.git?x=1"))
    remote = forge.remote(REPO, "write")
    assert (remote.url, remote.username) == ("https://gitlab.example.invalid/a.git", "oauth2")


@pytest.mark.parametrize(("mode", "text"), [("120000", None), ("100644", "../secret")])
def test_a_link_is_no_file(web: responses.RequestsMock, forge: GitLabForge, mode: str, text: str | None) -> None:
    web.get(f"{AT}/repository/files/a%2Flink", json={"encoding": "base64", "content": "Li4vc2VjcmV0"})
    web.get(f"{AT}/repository/tree", json=[{"path": "a/link", "mode": mode}, {"path": "a/other", "mode": "120000"}])
    assert forge.file(REPO, "a/link", SHA) == text


# --- checks ---------------------------------------------------------------------------------------------------------
def row(number: int, name: str, status: str, **more: Any) -> JSON:
    return {"id": number, "name": name, "status": status, **more}


def ran(web: responses.RequestsMock, *pipelines: tuple[int, str, list[JSON]], reported: list[JSON]) -> None:
    """Record what a commit's pipelines ran; GitLab lists jobs and reported statuses together."""
    jobs = [job for _, _, found in pipelines for job in found]
    web.get(f"{AT}/repository/commits/{SHA}/statuses", json=[*jobs, *reported])
    shown = [{"id": number, "sha": SHA, "status": "failed", "source": source} for number, source, _ in pipelines]
    web.get(f"{AT}/pipelines", json=shown[::-1])
    for number, _, found in pipelines:
        tries = matchers.query_param_matcher({"include_retried": "true"}, strict_match=False)
        web.get(f"{AT}/pipelines/{number}/jobs", json=found[::-1], match=[tries])


def states(forge: GitLabForge) -> dict[tuple[str, str], str]:
    return {(check.name, check.source): check.state for check in forge.checks(REPO, SHA)}


def test_a_status_that_is_called_like_a_job_is_never_taken_for_it(
    web: responses.RequestsMock, forge: GitLabForge
) -> None:
    ran(web, (1, "push", [row(10, "tests", "failed")]), reported=[row(11, "tests", "success", author=ANN)])
    assert states(forge) == {("tests", "ci"): "failure", ("tests", "ann"): "success"}


def test_the_last_try_in_the_newest_pipeline_counts(web: responses.RequestsMock, forge: GitLabForge) -> None:
    first = (1, "push", [row(10, "tests", "success"), row(11, "lint", "success")])
    second = (2, "push", [row(20, "tests", "failed"), row(21, "tests", "running")])
    ran(web, first, second, reported=[])
    assert states(forge) == {("tests", "ci"): "pending", ("lint", "ci"): "success"}


def test_a_pipeline_that_somebody_started_does_not_stand_for_that_of_the_push(
    web: responses.RequestsMock, forge: GitLabForge
) -> None:
    ran(web, (1, "push", [row(10, "tests", "failed")]), (2, "api", [row(20, "tests", "success")]), reported=[])
    assert states(forge) == {("tests", "ci"): "failure", ("tests", "ci/api"): "success"}


def test_every_state_is_told_in_our_words(web: responses.RequestsMock, forge: GitLabForge) -> None:
    words = {
        "success": "success",
        "failed": "failure",
        "canceled": "failure",
        "splendid": "failure",
        "skipped": "neutral",
        "manual": "pending",
        **dict.fromkeys(("created", "waiting_for_resource", "preparing", "pending", "running", "scheduled"), "pending"),
    }
    may_fail = {"failed": "neutral", "canceled": "neutral", "manual": "neutral", "success": "success"}
    jobs = [row(number, word, word) for number, word in enumerate(words, 10)]
    jobs += [row(number, f"may {word}", word, allow_failure=True) for number, word in enumerate(may_fail, 50)]
    ran(web, (1, "push", jobs), reported=[row(90, "ext", "failed", author=None)])
    expected = {(name, "ci"): state for name, state in words.items()}
    expected |= {(f"may {name}", "ci"): state for name, state in may_fail.items()}
    assert states(forge) == {**expected, ("ext", ""): "failure"}


def test_a_pipeline_that_made_no_job_is_a_check_itself(web: responses.RequestsMock, forge: GitLabForge) -> None:
    ran(web, (1, "external", []), (2, "push", []), reported=[row(9, "lint", "success", author=MO)])
    assert states(forge) == {("pipeline", "ci"): "failure", ("lint", "mo"): "success"}


def test_more_pipelines_than_can_be_judged_are_refused(web: responses.RequestsMock, forge: GitLabForge) -> None:
    ran(web, *[(number, "schedule", []) for number in range(1, 52)], reported=[])
    with pytest.raises(Invalid, match="pipelines"):
        forge.checks(REPO, SHA)


# --- writes ---------------------------------------------------------------------------------------------------------
MERGED = merge_request(state="merged", merge_commit_sha=LANDED)


@pytest.mark.parametrize(
    ("shas", "landed"),
    [
        ({"merge_commit_sha": LANDED, "squash_commit_sha": BASE}, LANDED),
        ({"squash_commit_sha": LANDED}, LANDED),
        ({}, SHA),
    ],
)
def test_what_landed_is_what_came_onto_the_target(
    web: responses.RequestsMock, forge: GitLabForge, shas: JSON, landed: str
) -> None:
    web.get(AT, json=project())
    web.put(f"{AT}/merge_requests/7/merge", json=merge_request(state="locked"))
    web.get(f"{AT}/merge_requests/7", json=merge_request(state="merged", **shas))
    assert forge.merge(REF, permission_to_merge(REF), title="t", message="m") == landed


@pytest.mark.parametrize(
    ("status", "merge_status", "expected", "words"),
    [
        (401, "mergeable", Denied, "may not merge"),
        (405, "checking", Unavailable, "not yet checked"),
        (405, "unchecked", Unavailable, "not yet checked"),
        (405, "ci_must_pass", Stale, "ci must pass"),
        (405, "draft_status", Stale, "draft status"),
        (406, "conflict", Stale, "conflict"),
        (409, "mergeable", Stale, "409"),
        (422, "conflict", Stale, "conflict"),
        (500, "mergeable", Unavailable, "500"),
        (200, "mergeable", Unavailable, "still merging"),
    ],
)
def test_a_merge_that_did_not_happen_says_why(
    web: responses.RequestsMock,
    forge: GitLabForge,
    status: int,
    merge_status: str,
    expected: type[ForgeError],
    words: str,
) -> None:
    now = merge_request(detailed_merge_status=merge_status)
    web.get(AT, json=project())
    web.put(f"{AT}/merge_requests/7/merge", status=status, json=now if status == 200 else {"message": "no"})
    web.get(f"{AT}/merge_requests/7", json=now)
    with pytest.raises(expected, match=words):
        forge.merge(REF, permission_to_merge(REF), title="t", message="m")


def test_a_token_that_ran_out_is_no_refusal_to_merge(web: responses.RequestsMock, forge: GitLabForge) -> None:
    web.get(AT, json=project())
    web.put(f"{AT}/merge_requests/7/merge", status=401, json={"error": "invalid_token"})
    web.get(f"{AT}/merge_requests/7", json=merge_request())
    with pytest.raises(Unavailable, match="check the token"):
        forge.merge(REF, permission_to_merge(REF), title="t", message="m")


def test_a_merge_under_a_rate_limit_asks_nothing_more(web: responses.RequestsMock, forge: GitLabForge) -> None:
    web.get(AT, json=project())
    web.put(f"{AT}/merge_requests/7/merge", status=429, headers={"Retry-After": "9"}, body="Retry later")
    with pytest.raises(Unavailable) as caught:
        forge.merge(REF, permission_to_merge(REF), title="t", message="m")
    assert caught.value.retry_after == 9
    assert len(web.calls) == 2


@pytest.mark.parametrize(
    ("option", "method", "squash"),
    [
        ("default_off", "squash", True),
        ("default_on", "merge", False),
        ("never", "squash", False),
        ("always", "merge", True),
    ],
)
def test_the_project_may_leave_no_choice_about_squashing(
    web: responses.RequestsMock, option: str, method: Any, squash: bool
) -> None:
    forge = GitLabForge("t", url=ROOT, pacing=False, merge_method=method)
    web.get(AT, json=project(squash_option=option))
    web.get(f"{AT}/merge_requests/7", json=MERGED)
    wish = matchers.json_params_matcher({"sha": SHA, "squash": squash}, strict_match=False)
    web.put(f"{AT}/merge_requests/7/merge", json=MERGED, match=[wish])
    assert forge.merge(REF, permission_to_merge(REF), title="t", message="m") == LANDED
    forge.close()


GREEN = GateReport("success", "permitted", "table")
GATE = "journeyman/gate"


@pytest.mark.parametrize(
    ("pipeline", "home"),
    [
        (None, {"ref": "topic"}),
        ({"id": 3, "sha": BASE, "ref": "topic"}, {"ref": "topic"}),
        (
            {"id": 3, "sha": SHA, "ref": "refs/merge-requests/7/head"},
            {"pipeline_id": "3", "ref": "refs/merge-requests/7/head"},
        ),
    ],
)
def test_the_gate_goes_where_gitlab_looks(
    web: responses.RequestsMock, forge: GitLabForge, pipeline: JSON | None, home: JSON
) -> None:
    gate_on(web, pipeline, [row(1, GATE, "success", description="permitted", author=user(9, "ann"))])
    said = {"state": "success", "name": GATE, "description": "permitted", **home}
    web.post(f"{AT}/statuses/{SHA}", json=row(2, GATE, "success"), match=[matchers.json_params_matcher(said)])
    forge.set_gate(REPO, SHA, GREEN)


@pytest.mark.parametrize(("pipeline", "posts"), [(3, 0), (2, 1), (None, 0)])
def test_a_gate_in_an_older_pipeline_is_set_again(
    web: responses.RequestsMock, forge: GitLabForge, pipeline: int | None, posts: int
) -> None:
    ours = row(1, GATE, "success", description="permitted", author=user(5, "BOT"), pipeline_id=pipeline)
    gate_on(web, {"id": 3, "sha": SHA, "ref": "topic"}, [ours])
    web.post(f"{AT}/statuses/{SHA}", json=row(2, GATE, "success"))
    forge.set_gate(REPO, SHA, GREEN)
    assert len([call for call in web.calls if "/statuses/" in str(call.request.url)]) == posts


def test_a_gate_that_somebody_set_meanwhile_is_set(web: responses.RequestsMock, forge: GitLabForge) -> None:
    gate_on(web, None, [])
    waits = row(1, GATE, "pending", author=user(5, "bot"))
    web.get(f"{AT}/repository/commits/{SHA}/statuses", json=[waits])
    web.post(f"{AT}/statuses/{SHA}", status=400, json={"message": "Cannot transition status via :enqueue"})
    forge.set_gate(REPO, SHA, GateReport("pending", "t", "table"))


def test_a_gate_that_gitlab_refuses_is_an_error(web: responses.RequestsMock, forge: GitLabForge) -> None:
    gate_on(web, None, [])
    web.post(f"{AT}/statuses/{SHA}", status=400, json={"message": "no"})
    with pytest.raises(Invalid):
        forge.set_gate(REPO, SHA, GREEN)


@pytest.mark.parametrize(("source", "shown"), [(2, True), (1, False)])
def test_a_forks_head_has_a_comment_where_it_can_have_no_status(
    web: responses.RequestsMock, forge: GitLabForge, source: int, shown: bool
) -> None:
    gate_on(web, None, [], source_project_id=source)
    web.post(f"{AT}/statuses/{SHA}", status=404, json={"message": "404 References for commit Not Found"})
    if shown:
        forge.set_gate(REPO, SHA, GREEN)
    else:
        with pytest.raises(NotFound):
            forge.set_gate(REPO, SHA, GREEN)
    assert any(call.request.method == "POST" and "/notes" in str(call.request.url) for call in web.calls) == shown


def gate_on(web: responses.RequestsMock, pipeline: JSON | None, found: list[JSON], **more: Any) -> None:
    web.get(
        f"{AT}/repository/commits/{SHA}/merge_requests", json=[merge_request(**more), merge_request(iid=8, sha=BASE)]
    )
    web.get(f"{AT}/merge_requests/7", json=merge_request(head_pipeline=pipeline))
    web.get(f"{AT}/repository/commits/{SHA}/statuses", json=found)
    web.get(f"{AT}/merge_requests/7/notes", json=[])
    web.post(
        f"{AT}/merge_requests/7/notes",
        json={"id": 4, "body": f"<!-- journeyman:gate -->\n**{GATE}: success**\n\ntable"},
    )
    web.put(f"{AT}/merge_requests/7/notes/4", json={"id": 4, "body": "x"})


def test_a_reaction_that_somebody_put_meanwhile_is_there(web: responses.RequestsMock, forge: GitLabForge) -> None:
    place = f"{AT}/issues/1/notes/2/award_emoji"
    web.get(place, json=[])
    web.get(place, json=[{"name": "eyes", "user": user(5, "bot")}])
    web.post(place, status=404, json={"message": "404 Award Emoji Name has already been taken Not Found"})
    forge.react(Subject(REPO, "issue", 1), 2, "eyes")


def test_a_system_note_is_not_our_comment(web: responses.RequestsMock, forge: GitLabForge) -> None:
    body = "<!-- journeyman:run:1 -->\nsame"
    web.get(f"{AT}/issues/7/notes", json=[
        {"id": 1, "body": body, "author": user(5, "bot"), "system": True},
        {"id": 2, "body": body, "author": None},
        {"id": 3, "body": body, "author": user(5, "BOT")},
    ])  # fmt: skip
    assert forge.ensure_comment(Subject(REPO, "issue", 7), "run:1", "same") == 3


def test_writes_keep_their_distance_when_pacing_is_on(web: responses.RequestsMock) -> None:
    web.get(f"{AT}/issues/1/notes", json=[])
    web.post(f"{AT}/issues/1/notes", json={"id": 1, "body": "<!-- journeyman:a -->\nx"})
    forge = GitLabForge("t", url=ROOT, bot_login="bot")
    began = time.monotonic()
    for _ in range(2):
        forge.ensure_comment(Subject(REPO, "issue", 1), "a", "x")
    forge.close()
    assert time.monotonic() - began >= 0.9


def test_the_forge_is_found_by_name(web: responses.RequestsMock) -> None:
    assert forge_for("gitlab", "t", bot_login="bot").whoami() == "bot"
