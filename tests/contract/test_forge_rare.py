"""Answers of GitHub that are too rare for a forge of our own to give: recorded shapes, one request each."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import responses
from responses import matchers

from bot.domain.change import GateReport, Ref, Repo, Role, Subject
from bot.domain.errors import ConfigError, Denied, ForgeError, Invalid, NotFound, Stale, Unavailable
from bot.domain.events import Delivery, Pinged
from bot.forges.github.api import GitHubForge
from bot.forges.registry import event_of, forge_for
from tests.contract.forge_rig import PLAN, permission_to_merge, permission_to_open

API = "https://github.example.invalid/api/v3"
REPO = Repo("github", "octo/hello")
# PyGithub names the port in every address
AT = "https://github.example.invalid:443/api/v3/repos/octo/hello"
SHA = "ab" * 20


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def forge() -> Iterator[GitHubForge]:
    made = GitHubForge("s3cr3t", url=f"{API}/", bot_login="bot", pacing=False)
    yield made
    made.close()


def pull(**more: Any) -> dict[str, Any]:
    """A pull request as GitHub describes it, as far as we read."""
    part = {"ref": "topic", "sha": SHA, "repo": {"full_name": REPO.name}}
    base = {
        "number": 7,
        "title": "t",
        "body": None,
        "user": None,
        "state": "open",
        "merged": False,
        "merge_commit_sha": None,
        "mergeable": None,
        "draft": False,
        "head": part,
        "base": {**part, "ref": "main"},
        "labels": [],
        "commits": 1,
        "changed_files": 0,
        "html_url": "https://github.example.invalid/octo/hello/pull/7",
    }
    return {**base, **more}


def lists(web: responses.RequestsMock, *, events: list[dict[str, Any]], commits: list[dict[str, Any]]) -> None:
    web.get(f"{AT}/pulls/7/files", json=[])
    web.get(f"{AT}/pulls/7/commits", json=commits)
    web.get(f"{AT}/issues/7/events", json=events)


# --- rate limits ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "headers", "message", "pause"),
    [
        (403, {"Retry-After": "30"}, "Forbidden", 30),
        (429, {"Retry-After": "30"}, "Too many", 30),
        (429, {"Retry-After": "soon"}, "Too many", 60),
        (429, {"Retry-After": "-1"}, "Too many", 0),
        (429, {"Retry-After": "nan"}, "Too many", 60),
        (429, {}, "Too many", 60),
        (403, {}, "You have exceeded a secondary rate limit", 60),
        (503, {"Retry-After": "5"}, "Maintenance", 5),
        (
            403,
            {
                "X-RateLimit-Remaining": "0",
                "X-RateLimit-Reset": "1700000090",
                "Date": "Tue, 14 Nov 2023 22:13:20 GMT",
            },
            "API rate limit exceeded",
            90,
        ),
        (
            403,
            {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1", "Date": "no date"},
            "API rate limit exceeded",
            1,
        ),
    ],
)
def test_a_pause_is_told(
    web: responses.RequestsMock,
    forge: GitHubForge,
    status: int,
    headers: dict[str, str],
    message: str,
    pause: float,
) -> None:
    web.get(f"{AT}/issues/1", status=status, headers=headers, json={"message": message})
    with pytest.raises(Unavailable) as caught:
        forge.issue(REPO, 1)
    assert caught.value.retry_after == pytest.approx(pause)
    assert len(web.calls) == 1


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (403, {"message": "Must have admin rights"}, Denied),
        (403, {"message": "x", "documentation_url": "y"}, Denied),
        (410, {"message": "This issue was deleted"}, NotFound),
        (405, {"message": "Not allowed"}, Stale),
        (400, {"message": "Problems parsing JSON"}, Invalid),
        (451, {"message": "Blocked"}, Invalid),
        (408, {"message": "Timed out"}, Unavailable),
        (200, [], Unavailable),
        (200, {"number": "seven"}, Unavailable),
        (500, "<html>Unicorn!</html>", Unavailable),
        (502, "", Unavailable),
        (200, "{cut", Unavailable),
    ],
)
def test_an_odd_answer_is_told_in_our_words(
    web: responses.RequestsMock, forge: GitHubForge, status: int, body: Any, expected: type[ForgeError]
) -> None:
    if isinstance(body, str):
        web.get(f"{AT}/issues/1", status=status, body=body)
    else:
        web.get(f"{AT}/issues/1", status=status, json=body)
    with pytest.raises(expected) as caught:
        forge.issue(REPO, 1)
    assert "s3cr3t" not in str(caught.value)
    if isinstance(caught.value, Unavailable):
        assert caught.value.retry_after is None


def test_the_reasons_of_a_refusal_are_told(web: responses.RequestsMock, forge: GitHubForge) -> None:
    errors = [{"message": "No commits between main and x"}, {"field": "head", "code": "invalid"}, "odd"]
    web.get(f"{AT}/issues/1", status=422, json={"message": "Validation Failed", "errors": errors})
    with pytest.raises(Invalid, match=r"Validation Failed; No commits between main and x; \{.*'head'.*\}; odd"):
        forge.issue(REPO, 1)


def test_a_redirect_to_another_host_is_not_followed(web: responses.RequestsMock, forge: GitHubForge) -> None:
    web.get(f"{AT}/issues/1", status=301, headers={"Location": "https://evil.example.invalid/x"}, json={})
    web.get("https://evil.example.invalid/x", json={})
    with pytest.raises(Unavailable):
        forge.issue(REPO, 1)
    assert all("evil" not in str(call.request.url) for call in web.calls)


# --- changes --------------------------------------------------------------------------------------------------------
def test_a_change_that_moves_while_it_is_read_is_read_again(web: responses.RequestsMock, forge: GitHubForge) -> None:
    moved = {"ref": "topic", "sha": "cd" * 20, "repo": {"full_name": REPO.name}}
    web.get(f"{AT}/pulls/7", json=pull())
    for _ in range(3):
        web.get(f"{AT}/pulls/7", json=pull(head=moved))
    lists(web, events=[], commits=[])
    assert forge.change(REPO, 7).head_sha == "cd" * 20


def test_a_change_that_never_stands_still_is_unavailable(web: responses.RequestsMock, forge: GitHubForge) -> None:
    for number in range(6):
        head = {"ref": "topic", "sha": f"{number:040x}", "repo": {"full_name": REPO.name}}
        web.get(f"{AT}/pulls/7", json=pull(head=head))
    lists(web, events=[], commits=[])
    with pytest.raises(Unavailable, match="kept moving"):
        forge.change(REPO, 7)


@pytest.mark.parametrize("size", [{"commits": 251}, {"changed_files": 3001}])
def test_a_change_that_github_cannot_list_in_full_is_not_judged(
    web: responses.RequestsMock, forge: GitHubForge, size: dict[str, int]
) -> None:
    web.get(f"{AT}/pulls/7", json=pull(**size))
    with pytest.raises(Invalid, match="too big"):
        forge.change(REPO, 7)


def act(number: int, event: str, login: str | None, name: str = "go", at: str = "00") -> dict[str, Any]:
    kind = "Bot" if login == "ci" else "User"
    actor = {"login": login, "type": kind} if login else None
    when = f"2026-01-01T00:00:{at}Z"
    return {"id": number, "event": event, "actor": actor, "created_at": when, "label": {"name": name}}


@pytest.mark.parametrize(
    ("events", "by", "by_bot"),
    [
        ([], "", None),
        ([act(1, "labeled", "ann", name="other")], "", None),
        ([act(1, "labeled", None)], "", None),
        ([act(1, "labeled", "ann")], "ann", False),
        ([act(1, "labeled", "ci")], "ci", True),
        ([act(1, "labeled", "x[bot]")], "x[bot]", True),
        ([act(1, "labeled", "ann"), act(2, "unlabeled", "mo")], "", None),
        ([act(3, "labeled", "mo"), act(1, "labeled", "ann"), act(2, "unlabeled", "ann")], "mo", False),
        ([act(1, "labeled", "late", at="09"), act(2, "labeled", "early", at="01")], "late", False),
    ],
)
def test_a_label_counts_for_whoever_set_it_last(
    web: responses.RequestsMock, forge: GitHubForge, events: list[dict[str, Any]], by: str, by_bot: bool | None
) -> None:
    web.get(f"{AT}/pulls/7", json=pull(labels=[{"name": "go"}]))
    lists(web, events=events, commits=[])
    (label,) = forge.change(REPO, 7).labels
    assert (label.name, label.by, label.by_bot) == ("go", by, by_bot)


def test_people_whom_the_forge_cannot_name_are_told_as_nobody(web: responses.RequestsMock, forge: GitHubForge) -> None:
    web.get(f"{AT}/pulls/7", json=pull())
    commits: list[dict[str, Any]] = [
        {"sha": SHA, "author": {"login": "ann"}, "committer": {"login": "web-flow"}},
        {"sha": SHA, "author": None, "committer": None},
    ]
    lists(web, events=[], commits=commits)
    change = forge.change(REPO, 7)
    assert (change.author, change.body, change.committers) == ("", "", ("", "ann", "web-flow"))


def test_a_fork_with_the_same_branch_is_not_ours(web: responses.RequestsMock, forge: GitHubForge) -> None:
    fork = {"ref": "topic", "sha": SHA, "repo": {"full_name": "octo/fork"}}
    gone = {"ref": "topic", "sha": SHA, "repo": None}
    other = {"ref": "another", "sha": SHA, "repo": {"full_name": REPO.name}}
    rows = [pull(number=number, head=head) for number, head in ((9, fork), (8, gone), (6, other))]
    web.get(f"{AT}/pulls", json=rows, match=[matchers.query_param_matcher({"head": "octo:topic"}, strict_match=False)])
    web.post(f"{AT}/pulls", json=pull())
    web.get(f"{AT}/pulls/7", json=pull())
    lists(web, events=[], commits=[])
    permit = permission_to_open(REPO)
    change = forge.ensure_change(REPO, branch="topic", base="main", title="T", body="B", plan=PLAN, permit=permit)
    assert change.number == 7


def test_a_list_without_end_is_refused(web: responses.RequestsMock, forge: GitHubForge) -> None:
    link = {"Link": f'<{API}/repos/octo/hello/commits/{SHA}/check-runs?page=2>; rel="next"'}
    rows = [{"id": number, "name": "x", "status": "queued", "conclusion": None} for number in range(1000)]
    web.get(f"{AT}/commits/{SHA}/check-runs", json={"total_count": 1, "check_runs": rows}, headers=link)
    with pytest.raises(Invalid, match="more than"):
        forge.checks(REPO, SHA)


@pytest.mark.parametrize("hole", ["title", "state", "head", "base", "labels", "commits", "changed_files"])
def test_a_change_with_a_hole_is_no_change(web: responses.RequestsMock, forge: GitHubForge, hole: str) -> None:
    whole = pull()
    del whole[hole]
    web.get(f"{AT}/pulls/7", json=whole)
    lists(web, events=[], commits=[])
    with pytest.raises(Unavailable):
        forge.change(REPO, 7)


@pytest.mark.parametrize("answer", [{}, [], {"default_branch": None}, {"default_branch": 1}])
def test_a_value_that_is_missing_is_unavailable(
    web: responses.RequestsMock, forge: GitHubForge, answer: object
) -> None:
    web.get(AT, json=answer)
    web.get(f"{AT}/contents/x", json=answer)
    with pytest.raises(Unavailable):
        forge.default_branch(REPO)
    with pytest.raises(Unavailable):
        forge.remote(REPO, "read")
    if not isinstance(answer, list):
        with pytest.raises(Unavailable):
            forge.file(REPO, "x", SHA)


def test_an_unknown_conclusion_counts_as_failed(web: responses.RequestsMock, forge: GitHubForge) -> None:
    empty = {"app": None, "output": None, "html_url": None, "details_url": None}
    runs = [
        {"id": 1, "name": "new", "status": "completed", "conclusion": "splendid", **empty},
        {"id": 2, "name": "none", "status": "completed", "conclusion": None, **empty},
        {"id": 3, "name": "wait", "status": "waiting", "conclusion": None, **empty},
    ]
    web.get(f"{AT}/commits/{SHA}/check-runs", json={"total_count": 3, "check_runs": runs})
    status = {"id": 4, "context": "odd", "state": "maybe", "creator": None, "description": None, "target_url": None}
    web.get(f"{AT}/commits/{SHA}/statuses", json=[status])
    found = {check.name: (check.state, check.source) for check in forge.checks(REPO, SHA)}
    assert found == {
        "new": ("failure", ""),
        "none": ("failure", ""),
        "wait": ("pending", ""),
        "odd": ("failure", ""),
    }


# --- people, files, remotes -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("answer", "role"),
    [
        ({"permission": "write", "role_name": "maintain"}, Role.MAINTAIN),
        ({"permission": "write", "role_name": "release captain"}, Role.WRITE),
        ({"permission": "none", "role_name": "none"}, Role.NONE),
        ({"permission": "unheard-of", "role_name": "release captain"}, Role.NONE),
    ],
)
def test_a_custom_role_counts_as_what_it_rests_on(
    web: responses.RequestsMock, forge: GitHubForge, answer: dict[str, str], role: Role
) -> None:
    web.get(f"{AT}/collaborators/ann/permission", json=answer)
    assert forge.role(REPO, "ann") == role


def test_a_role_that_may_not_be_asked_for_is_denied(web: responses.RequestsMock, forge: GitHubForge) -> None:
    web.get(f"{AT}/collaborators/ann/permission", status=403, json={"message": "Must have push access"})
    with pytest.raises(Denied):
        forge.role(REPO, "ann")


@pytest.mark.parametrize("kind", ["symlink", "submodule"])
def test_what_is_no_file_is_none(web: responses.RequestsMock, forge: GitHubForge, kind: str) -> None:
    web.get(f"{AT}/contents/x", json={"type": kind, "path": "x", "sha": SHA})
    assert forge.file(REPO, "x", SHA) is None


@pytest.mark.parametrize(
    "address",
    [
        "http://github.example.invalid/octo/hello.git",
        "ssh://git@github.example.invalid/octo/hello",
        "ext::sh -c id",
        "https:///x",
    ],
)
def test_an_address_that_would_leak_the_token_is_refused(
    web: responses.RequestsMock, forge: GitHubForge, address: str
) -> None:
    web.get(AT, json={"full_name": REPO.name, "clone_url": address})
    with pytest.raises(Invalid):
        forge.remote(REPO, "read")


def test_an_address_loses_what_it_carries(web: responses.RequestsMock, forge: GitHubForge) -> None:
    address = "https://user:pass@github.example.invalid/octo/hello.git?x=1"
    web.get(AT, json={"full_name": REPO.name, "clone_url": address})
    assert forge.remote(REPO, "write").url == "https://github.example.invalid/octo/hello.git"


# --- writes ---------------------------------------------------------------------------------------------------------
def test_a_merge_under_a_rate_limit_asks_nothing_more(web: responses.RequestsMock, forge: GitHubForge) -> None:
    web.put(f"{AT}/pulls/7/merge", status=403, headers={"Retry-After": "9"}, json={"message": "slow"})
    ref = Ref(REPO, 7, SHA)
    with pytest.raises(Unavailable) as caught:
        forge.merge(ref, permission_to_merge(ref), title="t", message="m")
    assert caught.value.retry_after == 9
    assert len(web.calls) == 1


def test_a_gate_under_a_rate_limit_does_not_become_a_status(web: responses.RequestsMock, forge: GitHubForge) -> None:
    web.get(f"{AT}/commits/{SHA}/check-runs", json={"total_count": 0, "check_runs": []})
    web.post(f"{AT}/check-runs", status=403, headers={"Retry-After": "9"}, json={"message": "slow"})
    with pytest.raises(Unavailable):
        forge.set_gate(REPO, SHA, GateReport("success", "t", "s"))
    assert len(web.calls) == 2


def test_writes_keep_their_distance_when_pacing_is_on(web: responses.RequestsMock) -> None:
    web.post(f"{AT}/issues/comments/1/reactions", json={"id": 1, "content": "eyes"})
    forge = GitHubForge("t", url=API, bot_login="bot")
    began = time.monotonic()
    forge.react(Subject(REPO, "issue", 7), 1, "eyes")
    forge.react(Subject(REPO, "issue", 7), 1, "eyes")
    forge.close()
    assert time.monotonic() - began >= 0.9


def test_threads_take_turns(web: responses.RequestsMock, forge: GitHubForge) -> None:
    busy = threading.Lock()
    overlaps: list[int] = []

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        if not busy.acquire(blocking=False):
            overlaps.append(1)
            return 500, {}, "{}"
        time.sleep(0.002)
        busy.release()
        return 201, {}, '{"id": 1}'

    web.add_callback(responses.POST, f"{AT}/issues/comments/1/reactions", callback=answer)
    threads = [threading.Thread(target=forge.react, args=(Subject(REPO, "issue", 7), 1, "eyes")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert len(web.calls) == 8
    assert not overlaps


# --- the registry ---------------------------------------------------------------------------------------------------
def test_a_forge_is_found_by_name() -> None:
    forge = forge_for("github", "t", url=API, bot_login="bot", pacing=False)
    assert forge.whoami() == "bot"
    assert forge_for("github", "t", bot_login="bot").whoami() == "bot"
    with pytest.raises(ConfigError, match="gitbucket"):
        forge_for("gitbucket", "t")


def test_a_stored_delivery_is_read_by_its_forge() -> None:
    delivery = Delivery("72d3162e", "github", "ping", "0" * 64, b"{}")
    assert event_of(delivery) == Pinged()
    with pytest.raises(ConfigError, match="gitbucket"):
        event_of(replace(delivery, forge="gitbucket"))


def test_a_credential_that_cannot_ask_who_it_is_says_what_to_set(web: responses.RequestsMock) -> None:
    web.get(
        "https://github.example.invalid:443/api/v3/user",
        status=403,
        json={"message": "Resource not accessible by integration"},
    )
    forge = GitHubForge("t", url=API, pacing=False)
    with pytest.raises(Denied, match="set the bot's login"):
        forge.whoami()
    forge.close()


def test_a_login_counts_in_any_case(web: responses.RequestsMock, forge: GitHubForge) -> None:
    body = "<!-- journeyman:run:1 -->\nsame"
    comments = [
        {"id": 1, "body": body, "user": None},
        {"id": 2, "body": body, "user": {"login": "BOT"}},
    ]
    web.get(f"{AT}/issues/7/comments", json=comments)
    assert forge.ensure_comment(Subject(REPO, "issue", 7), "run:1", "same") == 2


def test_a_blob_that_is_not_base64_is_text_as_it_is(web: responses.RequestsMock, forge: GitHubForge) -> None:
    found = {"type": "file", "path": "x", "sha": SHA, "encoding": "none", "content": ""}
    web.get(f"{AT}/contents/x", json=found)
    web.get(f"{AT}/git/blobs/{SHA}", json={"sha": SHA, "encoding": "utf-8", "content": "plain"})
    assert forge.file(REPO, "x", SHA) == "plain"
