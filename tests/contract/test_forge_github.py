"""The contract of the Forge port, held by the GitHub adapter against devforge and GitHub's own description."""

from collections.abc import Iterator

import pytest
import requests

from bot.domain.change import Check, GateReport, Ref, Repo, Role, Subject
from bot.domain.errors import Denied, ForgeError, Invalid, NotFound, Stale, Unavailable
from bot.forges.github.api import GitHubForge
from bot.policy.gate import NotPermitted
from bot.ports import Forge
from tests.contract.forge_rig import FILES, PLAN, REPO, Rig, permission_to_merge, permission_to_open, running
from tests.openapi import needs_spec

ME = "journeyman[bot]"


@pytest.fixture
def rig() -> Iterator[Rig]:
    with running() as made:
        yield made


# --- reads ----------------------------------------------------------------------------------------------------------
def test_the_adapter_is_a_forge(rig: Rig) -> None:
    forge: Forge = rig.forge
    assert forge.whoami() == ME
    assert forge.whoami() == ME
    assert rig.seen == [("GET", "/user")]


def test_a_given_login_is_not_asked_for() -> None:
    with running(bot_login="app[bot]") as rig:
        assert rig.forge.whoami() == "app[bot]"
        assert rig.seen == []


def test_an_issue_is_read(rig: Rig) -> None:
    number = rig.dev.open_issue(REPO.name, "Broken", "It fails\n", by="ann")
    found = rig.forge.issue(REPO, number)
    assert (found.number, found.title, found.body, found.author, found.state) == (
        number,
        "Broken",
        "It fails\n",
        "ann",
        "open",
    )
    with pytest.raises(NotFound):
        rig.forge.issue(REPO, 999)
    with pytest.raises(NotFound):
        rig.forge.issue(Repo("github", "octo/none"), 1)
    with pytest.raises(Invalid):
        rig.forge.issue(Repo("gitlab", "octo/hello"), 1)


def test_branches_are_read(rig: Rig) -> None:
    assert rig.forge.default_branch(REPO) == "main"
    assert rig.forge.head(REPO, "main") == rig.base
    sha = rig.push("agent/with/slashes", {"new.txt": "x\n"})
    assert rig.forge.head(REPO, "agent/with/slashes") == sha
    with pytest.raises(NotFound):
        rig.forge.head(REPO, "none")


def test_a_file_is_text_or_nothing_or_an_error(rig: Rig) -> None:
    assert rig.forge.file(REPO, "a.txt", rig.base) == "one\n"
    assert rig.forge.file(REPO, "docs/caf\u00e9 & co.md", rig.base) == FILES["docs/caf\u00e9 & co.md"]
    assert rig.forge.file(REPO, "none.txt", rig.base) is None
    assert rig.forge.file(REPO, "src", rig.base) is None
    with pytest.raises(Invalid, match="not UTF-8"):
        rig.forge.file(REPO, "binary.bin", rig.base)
    with pytest.raises(NotFound):
        rig.forge.file(REPO, "a.txt", "ab" * 20)
    with pytest.raises(NotFound):
        rig.forge.file(Repo("github", "octo/none"), "a.txt", rig.base)


def test_a_file_over_a_megabyte_is_read_too(rig: Rig) -> None:
    rig.dev.add_repo("octo/big", {"big.txt": "line\n" * 250_000}, roles={ME: "read"})
    repo = Repo("github", "octo/big")
    found = rig.forge.file(repo, "big.txt", rig.forge.head(repo, "main"))
    assert found is not None
    assert len(found) == 1_250_000


@pytest.mark.parametrize(
    ("login", "role"),
    [
        ("ann", Role.WRITE),
        ("root", Role.ADMIN),
        ("octo", Role.ADMIN),
        ("mo", Role.MAINTAIN),
        ("tri", Role.TRIAGE),
        ("rita", Role.READ),
        ("nobody-at-all", Role.NONE),
        ("", Role.NONE),
        ("../../user", Role.NONE),
        ("a/b?c#d", Role.NONE),
    ],
)
def test_a_role_is_told_of_anybody(rig: Rig, login: str, role: Role) -> None:
    assert rig.forge.role(REPO, login) == role


def test_a_stranger_has_no_more_than_read(rig: Rig) -> None:
    assert not rig.forge.role(REPO, "stranger").at_least(Role.TRIAGE)


def test_a_change_is_read_with_all_that_a_decision_needs(rig: Rig) -> None:
    number = rig.open("agent/one", {"new.txt": "x\n", "src/more.py": "y = 1\n"})
    change = rig.forge.change(REPO, number)
    assert (change.repo, change.number, change.title, change.body) == (REPO, number, "Title", "Body")
    assert (change.author, change.state, change.branch, change.base) == (ME, "open", "agent/one", "main")
    assert (change.head_sha, change.base_sha) == (rig.forge.head(REPO, "agent/one"), rig.base)
    assert (change.draft, change.merged_sha) == (False, None)
    assert change.files == ("new.txt", "src/more.py")
    assert change.labels == ()
    assert str(number) in change.url
    with pytest.raises(NotFound):
        rig.forge.change(REPO, 999)


def test_both_ends_of_a_move_are_touched(rig: Rig) -> None:
    number = rig.open("agent/move", {"src/code.py": None, "moved.py": "x = 1\n"})
    assert rig.forge.change(REPO, number).files == ("moved.py", "src/code.py")


def test_more_files_than_a_page_are_all_seen(rig: Rig) -> None:
    number = rig.open("agent/many", {f"f{index:03}.txt": "x\n" for index in range(101)})
    assert len(rig.forge.change(REPO, number).files) == 101


def test_a_label_is_told_with_who_set_it_last(rig: Rig) -> None:
    number = rig.open()
    for who, name, on in [
        ("ann", "go", True),
        ("ann", "go", False),
        ("mo", "go", True),
        ("ann", "gone", True),
        ("mo", "gone", False),
        (ME, "mine", True),
    ]:
        rig.dev.set_label(REPO.name, number, name, by=who, on=on)
    labels = rig.forge.change(REPO, number).labels
    assert [(label.name, label.by) for label in labels] == [("go", "mo"), ("mine", ME)]
    assert all(label.event and label.at > 1_600_000_000 for label in labels)


def test_checks_are_the_newest_per_name_and_source(rig: Rig) -> None:
    sha = rig.push("agent/one", {"new.txt": "x\n"})
    rig.call("linter[bot]", "POST", "/check-runs", {"name": "lint", "head_sha": sha, "conclusion": "failure"})
    rig.call("linter[bot]", "POST", "/check-runs", {"name": "lint", "head_sha": sha, "conclusion": "success"})
    rig.call("linter[bot]", "POST", "/check-runs", {"name": "slow", "head_sha": sha, "status": "in_progress"})
    rig.call("linter[bot]", "POST", "/check-runs", {"name": "skip", "head_sha": sha, "conclusion": "skipped"})
    rig.call("linter[bot]", "POST", "/check-runs", {"name": "late", "head_sha": sha, "conclusion": "timed_out"})
    rig.call("ann", "POST", f"/statuses/{sha}", {"state": "pending", "context": "ci"})
    rig.call("ann", "POST", f"/statuses/{sha}", {"state": "success", "context": "ci", "description": "3 passed"})
    rig.call("mo", "POST", f"/statuses/{sha}", {"state": "error", "context": "ci"})
    found = {(check.name, check.source): check.state for check in rig.forge.checks(REPO, sha)}
    assert found == {
        ("lint", "linter"): "success",
        ("slow", "linter"): "pending",
        ("skip", "linter"): "neutral",
        ("late", "linter"): "failure",
        ("ci", "ann"): "success",
        ("ci", "mo"): "failure",
    }
    assert "3 passed" in {check.summary for check in rig.forge.checks(REPO, sha)}


def test_a_commit_without_checks_has_none(rig: Rig) -> None:
    assert rig.forge.checks(REPO, rig.base) == ()


# --- ensure_change --------------------------------------------------------------------------------------------------
def ensure(rig: Rig, branch: str = "agent/one") -> int:
    permit = permission_to_open()
    return rig.forge.ensure_change(
        REPO, branch=branch, base="main", title="T", body="B", plan=PLAN, permit=permit
    ).number


def test_a_change_is_opened_once(rig: Rig) -> None:
    rig.push("agent/one", {"x.txt": "x\n"})
    assert ensure(rig) == ensure(rig)
    assert rig.writes() == [("POST", "/repos/octo/hello/pulls")]


def test_a_closed_change_is_not_the_open_one(rig: Rig) -> None:
    rig.push("agent/one", {"x.txt": "x\n"})
    first = ensure(rig)
    rig.call("ann", "PATCH", f"/pulls/{first}", {"state": "closed"})
    assert ensure(rig) != first


def test_the_permit_must_be_for_opening_here(rig: Rig) -> None:
    number = rig.open()
    ref = rig.ref(number)
    rig.seen.clear()
    for permit in (permission_to_merge(ref), permission_to_open(Repo("github", "octo/other"))):
        with pytest.raises(NotPermitted):
            rig.forge.ensure_change(
                REPO, branch="agent/one", base="main", title="T", body="B", plan=PLAN, permit=permit
            )
    assert rig.seen == []


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_change_that_was_opened_behind_an_error_is_found(rig: Rig, status: int) -> None:
    rig.push("agent/one", {"x.txt": "x\n"})
    rig.dev.fail_next("POST", "/pulls$", status=status, after_effect=True)
    number = ensure(rig)
    assert number == ensure(rig)
    assert len(rig.writes()) == 1


def test_a_change_that_was_not_opened_stays_an_error(rig: Rig) -> None:
    rig.push("agent/one", {"x.txt": "x\n"})
    rig.dev.fail_next("POST", "/pulls$", status=502)
    with pytest.raises(Unavailable):
        ensure(rig)
    assert ensure(rig)


def test_a_change_from_nowhere_is_invalid(rig: Rig) -> None:
    with pytest.raises(Invalid):
        ensure(rig, "agent/none")


# --- ensure_comment, react ------------------------------------------------------------------------------------------
def comments(rig: Rig, number: int) -> list[tuple[str, str]]:
    found = rig.call("ann", "GET", f"/issues/{number}/comments?per_page=100")
    return [(one["user"]["login"], one["body"]) for one in found]


@pytest.fixture
def issue(rig: Rig) -> int:
    return rig.dev.open_issue(REPO.name, "Broken", "It fails", by="ann")


def test_a_comment_is_written_once_and_edited_when_it_differs(rig: Rig, issue: int) -> None:
    first = rig.forge.ensure_comment(Subject(REPO, "issue", issue), "run:1", "working\n")
    assert rig.forge.ensure_comment(Subject(REPO, "issue", issue), "run:1", "working\n") == first
    assert [call[0] for call in rig.writes()] == ["POST"]
    assert rig.forge.ensure_comment(Subject(REPO, "issue", issue), "run:1", "done") == first
    assert rig.forge.ensure_comment(Subject(REPO, "issue", issue), "run:2", "other") != first
    assert comments(rig, issue) == [
        (ME, "<!-- journeyman:run:1 -->\ndone"),
        (ME, "<!-- journeyman:run:2 -->\nother"),
    ]


def test_somebody_elses_marker_never_counts(rig: Rig, issue: int) -> None:
    forged = rig.dev.comment(REPO.name, issue, "<!-- journeyman:run:1 -->\nforged", by="ann")
    mine = rig.forge.ensure_comment(Subject(REPO, "issue", issue), "run:1", "true")
    assert mine != forged
    assert comments(rig, issue)[0] == ("ann", "<!-- journeyman:run:1 -->\nforged")


def test_a_quoted_marker_in_the_bots_own_words_never_counts(rig: Rig, issue: int) -> None:
    first = rig.forge.ensure_comment(Subject(REPO, "issue", issue), "run:1", "they wrote: <!-- journeyman:run:2 -->")
    assert rig.forge.ensure_comment(Subject(REPO, "issue", issue), "run:2", "mine") != first


def test_a_comment_behind_many_others_is_found(rig: Rig, issue: int) -> None:
    for number in range(105):
        rig.dev.comment(REPO.name, issue, f"noise {number}", by="ann")
    first = rig.forge.ensure_comment(Subject(REPO, "issue", issue), "run:1", "one")
    assert rig.forge.ensure_comment(Subject(REPO, "issue", issue), "run:1", "two") == first


def test_a_comment_that_was_written_behind_an_error_is_found(rig: Rig, issue: int) -> None:
    rig.dev.fail_next("POST", "/comments$", status=502, after_effect=True)
    rig.forge.ensure_comment(Subject(REPO, "issue", issue), "run:1", "once")
    rig.dev.fail_next("PATCH", "/comments/", status=502, after_effect=True)
    with pytest.raises(Unavailable):
        rig.forge.ensure_comment(Subject(REPO, "issue", issue), "run:1", "twice")
    rig.forge.ensure_comment(Subject(REPO, "issue", issue), "run:1", "twice")
    assert comments(rig, issue) == [(ME, "<!-- journeyman:run:1 -->\ntwice")]


def test_a_long_comment_is_cut_in_the_middle(rig: Rig, issue: int) -> None:
    rig.forge.ensure_comment(Subject(REPO, "issue", issue), "run:1", "begin " + "x" * 70_000 + " end")
    ((_, body),) = comments(rig, issue)
    assert len(body) <= 65_536
    assert body.startswith("<!-- journeyman:run:1 -->\nbegin")
    assert body.endswith(" end")
    assert "characters cut here" in body
    before = len(rig.writes())
    rig.forge.ensure_comment(Subject(REPO, "issue", issue), "run:1", "begin " + "x" * 70_000 + " end")
    assert len(rig.writes()) == before


@pytest.mark.parametrize("topic", ["", "a b", "x-->", "a--b", "-a", "a\n", "<b>"])
def test_a_topic_cannot_end_the_marker(rig: Rig, issue: int, topic: str) -> None:
    with pytest.raises(Invalid, match="topic"):
        rig.forge.ensure_comment(Subject(REPO, "issue", issue), topic, "text")


def test_a_reaction_is_put_once(rig: Rig, issue: int) -> None:
    comment = rig.dev.comment(REPO.name, issue, "/agent fix", by="ann")
    rig.forge.react(Subject(REPO, "issue", issue), comment, "eyes")
    rig.forge.react(Subject(REPO, "issue", issue), comment, "eyes")
    found = rig.call("ann", "GET", f"/issues/comments/{comment}/reactions")
    assert [(one["user"]["login"], one["content"]) for one in found] == [(ME, "eyes")]
    with pytest.raises(NotFound):
        rig.forge.react(Subject(REPO, "issue", issue), 99_999, "eyes")


# --- set_gate -------------------------------------------------------------------------------------------------------
PENDING = GateReport("pending", "waits for an approval", "| rule | state |")
GREEN = GateReport("success", "permitted", "all rules hold")


def gates(forge: GitHubForge, sha: str) -> list[Check]:
    return [check for check in forge.checks(REPO, sha) if check.name == "journeyman/gate"]


def test_the_gate_is_one_check_run(rig: Rig) -> None:
    sha = rig.push("agent/one", {"x.txt": "x\n"})
    for report in (PENDING, PENDING, GREEN, GREEN, PENDING, GateReport("failure", "blocked", "why")):
        rig.forge.set_gate(REPO, sha, report)
    assert [call[0] for call in rig.writes()] == ["POST", "PATCH", "PATCH", "PATCH"]
    assert [(check.state, check.source, check.summary) for check in gates(rig.forge, sha)] == [
        ("failure", "journeyman", "blocked")
    ]


def test_a_gate_that_was_set_behind_an_error_is_not_set_twice(rig: Rig) -> None:
    sha = rig.push("agent/one", {"x.txt": "x\n"})
    rig.dev.fail_next("POST", "/check-runs$", status=500, after_effect=True)
    with pytest.raises(Unavailable):
        rig.forge.set_gate(REPO, sha, GREEN)
    rig.forge.set_gate(REPO, sha, GREEN)
    assert len(rig.writes()) == 1
    assert len(gates(rig.forge, sha)) == 1


def test_without_an_app_the_gate_is_a_commit_status(rig: Rig) -> None:
    sha = rig.push("agent/one", {"x.txt": "x\n"})
    forge = rig.forge_of("ann")
    try:
        for report in (PENDING, PENDING, GateReport("success", "long " * 60, "x")):
            forge.set_gate(REPO, sha, report)
        (check,) = gates(forge, sha)
    finally:
        forge.close()
    assert (check.state, check.source) == ("success", "ann")
    assert len(check.summary) <= 140
    assert len([call for call in rig.writes() if "/statuses/" in call[1]]) == 2


def test_a_gate_on_no_commit_is_an_error(rig: Rig) -> None:
    with pytest.raises(ForgeError):
        rig.forge.set_gate(REPO, "ab" * 20, GREEN)


# --- merge ----------------------------------------------------------------------------------------------------------
def merge(rig: Rig, ref: Ref) -> str:
    return rig.forge.merge(ref, permission_to_merge(ref), title="Fix (#1)", message="Agent-Run: r1")


def test_the_permitted_head_is_merged_once(rig: Rig) -> None:
    ref = rig.ref(rig.open())
    landed = merge(rig, ref)
    assert merge(rig, ref) == landed
    change = rig.forge.change(REPO, ref.number)
    assert (change.state, change.merged_sha) == ("merged", landed)
    assert rig.forge.head(REPO, "main") == landed


def test_a_merge_that_happened_behind_an_error_is_found(rig: Rig) -> None:
    ref = rig.ref(rig.open())
    rig.dev.fail_next("PUT", "/merge$", status=502, after_effect=True)
    landed = merge(rig, ref)
    assert rig.forge.head(REPO, "main") == landed


def test_a_merge_that_did_not_happen_stays_an_error(rig: Rig) -> None:
    ref = rig.ref(rig.open())
    rig.dev.fail_next("PUT", "/merge$", status=502)
    with pytest.raises(Unavailable):
        merge(rig, ref)
    assert rig.forge.head(REPO, "main") == rig.base


def test_a_head_that_moved_is_stale(rig: Rig) -> None:
    ref = rig.ref(rig.open())
    with pytest.raises(Stale):
        merge(rig, Ref(REPO, ref.number, rig.base))
    assert rig.forge.head(REPO, "main") == rig.base


def test_a_merge_of_another_head_is_not_taken_for_ours(rig: Rig) -> None:
    ref = rig.ref(rig.open())
    merge(rig, ref)
    with pytest.raises(Stale):
        merge(rig, Ref(REPO, ref.number, rig.base))


def test_a_conflict_is_stale(rig: Rig) -> None:
    first, second = rig.ref(rig.open("one", {"same": "a\n"})), rig.ref(rig.open("two", {"same": "b\n"}))
    merge(rig, first)
    with pytest.raises(Stale):
        merge(rig, second)


def test_a_merge_takes_the_permit_for_this_very_head(rig: Rig) -> None:
    ref = rig.ref(rig.open())
    other = permission_to_merge(Ref(REPO, ref.number, rig.base))
    for permit in (other, permission_to_open()):
        with pytest.raises(NotPermitted):
            rig.forge.merge(ref, permit, title="t", message="m")
    assert ("PUT", f"/repos/octo/hello/pulls/{ref.number}/merge") not in rig.seen


def test_an_issue_is_closed_once(rig: Rig, issue: int) -> None:
    rig.forge.close_issue(REPO, issue)
    rig.forge.close_issue(REPO, issue)
    assert rig.forge.issue(REPO, issue).state == "closed"
    assert len(rig.writes()) == 1
    with pytest.raises(NotFound):
        rig.forge.close_issue(REPO, 999)


@needs_spec
def test_what_github_does_not_describe_is_noticed(rig: Rig, issue: int) -> None:
    """The rig holds every conversation of these tests against GitHub's description; without that it holds none."""
    url = f"{rig.dev.api_url}/repos/{REPO.name}/issues/{issue}/comments"
    requests.post(url, json={"body": 7}, headers={"Authorization": f"Bearer {rig.token}"}, timeout=10)
    assert len(rig.violations) == 1
    assert "body" in rig.violations.pop()


# --- failures -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, Unavailable),
        (403, Denied),
        (404, NotFound),
        (409, Stale),
        (422, Invalid),
        (500, Unavailable),
        (502, Unavailable),
        (503, Unavailable),
        (504, Unavailable),
    ],
)
def test_a_failure_is_told_in_our_words(rig: Rig, issue: int, status: int, expected: type[ForgeError]) -> None:
    rig.dev.fail_next("GET", "/issues/", status=status)
    with pytest.raises(expected) as caught:
        rig.forge.issue(REPO, issue)
    assert str(status) in str(caught.value)
    assert rig.token not in str(caught.value)
    assert rig.forge.issue(REPO, issue).number == issue


@pytest.mark.parametrize("status", [403, 429])
def test_a_request_to_slow_down_says_for_how_long(rig: Rig, issue: int, status: int) -> None:
    rig.dev.fail_next("POST", "/comments$", status=status, retry_after=7)
    with pytest.raises(Unavailable) as caught:
        rig.forge.ensure_comment(Subject(REPO, "issue", issue), "run:1", "text")
    assert caught.value.retry_after == 7
    # Nothing was asked after that answer, by whomever: no request before retry-after.
    with pytest.raises(Unavailable, match="slow down") as caught:
        rig.forge.issue(REPO, issue)
    assert caught.value.retry_after is not None
    assert 6 < caught.value.retry_after <= 7
    assert rig.seen[-1] == ("POST", f"/repos/octo/hello/issues/{issue}/comments")


def test_the_hourly_limit_says_when_it_ends(rig: Rig, issue: int) -> None:
    rig.dev.world.hourly_limit = 0
    with pytest.raises(Unavailable) as caught:
        rig.forge.issue(REPO, issue)
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 3601


def test_a_cut_answer_is_unavailable(rig: Rig, issue: int) -> None:
    rig.dev.fail_next("GET", "/issues/", truncate=True)
    with pytest.raises(Unavailable):
        rig.forge.issue(REPO, issue)


def test_silence_is_unavailable_when_time_is_up() -> None:
    with running(timeout=1) as rig:
        number = rig.dev.open_issue(REPO.name, "Broken", "", by="ann")
        rig.dev.fail_next("GET", "/issues/", hang=30)
        with pytest.raises(Unavailable):
            rig.forge.issue(REPO, number)


def test_nobody_there_is_unavailable(rig: Rig) -> None:
    forge = GitHubForge("t", url="http://localhost:9", pacing=False, timeout=2)
    with pytest.raises(Unavailable):
        forge.whoami()
    forge.close()


def test_a_wrong_token_is_waited_for(rig: Rig) -> None:
    forge = GitHubForge("wrong-secret", url=rig.dev.api_url, pacing=False)
    with pytest.raises(Unavailable, match="check the token") as caught:
        forge.whoami()
    forge.close()
    assert "wrong-secret" not in str(caught.value)
