"""The contract of the Forge port, held by every adapter against devforge in its forge's dialect."""

from collections.abc import Iterator

import pytest

from bot.domain.change import Check, GateReport, Ref, Repo, Role
from bot.domain.errors import Denied, ForgeError, Invalid, NotFound, Stale, Unavailable
from bot.policy.gate import NotPermitted
from bot.ports import Forge
from tests import forge_table
from tests.contract.forge_rig import FILES, PLAN, Dialect, Rig, Status, permission_to_merge, permission_to_open, running

DIALECTS: tuple[Dialect, ...] = ("github", "gitlab")


@pytest.fixture(params=DIALECTS)
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    with running(request.param) as made:
        yield made


@pytest.fixture
def issue(rig: Rig) -> int:
    return rig.dev.open_issue(rig.repo.name, "Broken", "It fails", by="ann")


# --- reads ----------------------------------------------------------------------------------------------------------
def test_the_adapter_is_a_forge(rig: Rig) -> None:
    forge: Forge = rig.forge
    assert forge.whoami() == rig.me
    assert forge.whoami() == rig.me
    assert rig.seen == [("GET", "/user")]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_given_login_is_not_asked_for(dialect: Dialect) -> None:
    with running(dialect, bot_login="app[bot]") as rig:
        assert rig.forge.whoami() == "app[bot]"
        assert rig.seen == []


def test_an_issue_is_read(rig: Rig) -> None:
    number = rig.dev.open_issue(rig.repo.name, "Broken", "It fails\n", by="ann")
    found = rig.forge.issue(rig.repo, number)
    assert (found.number, found.title, found.body, found.author, found.state) == (
        number,
        "Broken",
        "It fails\n",
        "ann",
        "open",
    )
    with pytest.raises(NotFound):
        rig.forge.issue(rig.repo, 999)
    with pytest.raises(NotFound):
        rig.forge.issue(rig.at("octo/none"), 1)


def test_a_repository_of_another_forge_is_none_of_ours(rig: Rig) -> None:
    other = Repo("gitlab" if rig.dialect == "github" else "github", rig.repo.name)
    with pytest.raises(Invalid):
        rig.forge.issue(other, 1)
    assert rig.seen == []


def test_branches_are_read(rig: Rig) -> None:
    assert rig.forge.default_branch(rig.repo) == "main"
    assert rig.forge.head(rig.repo, "main") == rig.base
    sha = rig.push("agent/with/slashes", {"new.txt": "x\n"})
    assert rig.forge.head(rig.repo, "agent/with/slashes") == sha
    with pytest.raises(NotFound):
        rig.forge.head(rig.repo, "none")


def test_a_file_is_text_or_nothing_or_an_error(rig: Rig) -> None:
    assert rig.forge.file(rig.repo, "a.txt", rig.base) == "one\n"
    assert rig.forge.file(rig.repo, "docs/caf\u00e9 & co.md", rig.base) == FILES["docs/caf\u00e9 & co.md"]
    assert rig.forge.file(rig.repo, "none.txt", rig.base) is None
    assert rig.forge.file(rig.repo, "src", rig.base) is None
    with pytest.raises(Invalid, match="not UTF-8"):
        rig.forge.file(rig.repo, "binary.bin", rig.base)
    with pytest.raises(NotFound):
        rig.forge.file(rig.repo, "a.txt", "ab" * 20)
    with pytest.raises(NotFound):
        rig.forge.file(rig.at("octo/none"), "a.txt", rig.base)


def test_a_file_over_a_megabyte_is_read_too(rig: Rig) -> None:
    repo = rig.at("octo/big")
    rig.dev.add_repo(repo.name, {"big.txt": "line\n" * 250_000}, roles={rig.me: "read"})
    found = rig.forge.file(repo, "big.txt", rig.forge.head(repo, "main"))
    assert found is not None
    assert len(found) == 1_250_000


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_role_is_told_of_anybody(dialect: Dialect) -> None:
    with running(dialect) as rig:
        found = {login: rig.forge.role(rig.repo, login) for login in ("ann", "root", "octo", "mo", "tri", "rita")}
        assert found == {
            "ann": Role.WRITE,
            "root": Role.ADMIN,
            "octo": Role.ADMIN,
            "mo": Role.MAINTAIN,
            "tri": Role.TRIAGE,
            "rita": Role.READ,
        }
        for nobody in ("nobody-at-all", "", "../../user", "a/b?c#d", "ann ", "ann\n", "1", ".", ".."):
            assert rig.forge.role(rig.repo, nobody) == Role.NONE


def test_a_stranger_has_no_more_than_read(rig: Rig) -> None:
    assert not rig.forge.role(rig.repo, "stranger").at_least(Role.TRIAGE)
    secret = rig.at("octo/secret")
    rig.dev.add_repo(secret.name, {"a.txt": "one\n"}, roles={rig.me: "write", "ann": "read"}, private=True)
    assert rig.forge.role(secret, "stranger") == Role.NONE
    assert rig.forge.role(secret, "ann") == Role.READ


def test_a_change_is_read_with_all_that_a_decision_needs(rig: Rig) -> None:
    number = rig.open("agent/one", {"new.txt": "x\n", "src/more.py": "y = 1\n"})
    change = rig.forge.change(rig.repo, number)
    assert (change.repo, change.number, change.title, change.body) == (rig.repo, number, "Title", "Body")
    assert (change.author, change.state, change.branch, change.base) == (rig.me, "open", "agent/one", "main")
    assert (change.head_sha, change.base_sha) == (rig.forge.head(rig.repo, "agent/one"), rig.base)
    assert (change.draft, change.mergeable, change.merged_sha) == (False, True, None)
    assert change.files == ("new.txt", "src/more.py")
    assert change.labels == ()
    assert change.committers == ("root",)
    assert str(number) in change.url
    with pytest.raises(NotFound):
        rig.forge.change(rig.repo, 999)


def test_both_ends_of_a_move_are_touched(rig: Rig) -> None:
    number = rig.open("agent/move", {"src/code.py": None, "moved.py": "x = 1\n"})
    assert rig.forge.change(rig.repo, number).files == ("moved.py", "src/code.py")


def test_more_files_than_a_page_are_all_seen(rig: Rig) -> None:
    number = rig.open("agent/many", {f"f{index:03}.txt": "x\n" for index in range(101)})
    assert len(rig.forge.change(rig.repo, number).files) == 101


def test_a_change_in_conflict_cannot_be_merged(rig: Rig) -> None:
    first, second = rig.ref(rig.open("one", {"same": "a\n"})), rig.open("two", {"same": "b\n"})
    rig.merge(first)
    assert rig.forge.change(rig.repo, second).mergeable is False


def test_a_label_is_told_with_who_set_it_last(rig: Rig) -> None:
    number = rig.open()
    for who, name, on in [
        ("ann", "go", True),
        ("ann", "go", False),
        ("mo", "go", True),
        ("ann", "gone", True),
        ("mo", "gone", False),
        (rig.me, "mine", True),
    ]:
        rig.dev.set_label(rig.repo.name, number, name, by=who, on=on, kind="change")
    labels = rig.forge.change(rig.repo, number).labels
    assert [(label.name, label.by, label.by_bot) for label in labels] == [("go", "mo", False), ("mine", rig.me, True)]
    assert all(label.event and label.at > 1_600_000_000 for label in labels)


def test_reading_a_change_takes_few_requests(rig: Rig) -> None:
    number = rig.open()
    rig.dev.set_label(rig.repo.name, number, "go", by="ann", kind="change")
    rig.seen.clear()
    rig.forge.change(rig.repo, number)
    assert len(rig.seen) <= 8, rig.seen
    assert ("GET", "/user") not in rig.seen


def test_reported_statuses_are_the_newest_per_name_and_person(rig: Rig) -> None:
    sha = rig.push("agent/one", {"new.txt": "x\n"})
    told: list[tuple[str, str, Status]] = [
        ("ann", "ci", "pending"),
        ("ann", "ci", "success"),
        ("mo", "ci", "failure"),
        ("mo", "lint", "success"),
        ("mo", "lint", "failure"),
        ("ann", "wait", "pending"),
    ]
    for who, name, state in told:
        rig.report(who, sha, name, state)
    found = {(check.name, check.source): check.state for check in rig.forge.checks(rig.repo, sha)}
    assert found == {
        ("ci", "ann"): "success",
        ("ci", "mo"): "failure",
        ("lint", "mo"): "failure",
        ("wait", "ann"): "pending",
    }
    assert "is success" in {check.summary for check in rig.forge.checks(rig.repo, sha)}


def test_a_commit_without_checks_has_none(rig: Rig) -> None:
    assert rig.forge.checks(rig.repo, rig.base) == ()
    with pytest.raises(ForgeError):
        rig.forge.checks(rig.repo, "ab" * 20)


def test_an_account_has_the_address_that_the_forge_knows_it_by(rig: Rig) -> None:
    """A commit under that address is the account's own, and seen as that."""
    address = rig.forge.address(rig.me)
    assert address == rig.forge.address(rig.me)
    author = rig.dev.world.author(address)
    assert author is not None
    assert author.login == rig.me
    assert rig.forge.address("nobody-at-all").startswith("nobody-at-all@users.noreply.")


# --- ensure_change --------------------------------------------------------------------------------------------------
def test_a_change_is_opened_once(rig: Rig) -> None:
    rig.push("agent/one", {"x.txt": "x\n"})
    assert rig.ensure() == rig.ensure()
    assert rig.writes() == ["POST"]


def test_a_closed_change_is_not_the_open_one(rig: Rig) -> None:
    rig.push("agent/one", {"x.txt": "x\n"})
    first = rig.ensure()
    rig.shut(first)
    assert rig.ensure() != first


def test_a_long_title_and_body_are_cut(rig: Rig) -> None:
    rig.push("agent/one", {"x.txt": "x\n"})
    change = rig.forge.change(rig.repo, rig.ensure(title="long " * 100, body="begin " + "x" * 1_100_000 + " end"))
    assert len(change.title) <= 256
    assert change.body.startswith("begin")
    assert "characters cut here" in change.body


def test_the_permit_must_be_for_opening_here(rig: Rig) -> None:
    ref = rig.ref(rig.open())
    rig.seen.clear()
    for permit in (permission_to_merge(ref), permission_to_open(rig.at("octo/other"))):
        with pytest.raises(NotPermitted):
            rig.forge.ensure_change(
                rig.repo, branch="agent/one", base="main", title="T", body="B", plan=PLAN, permit=permit
            )
    assert rig.seen == []


@pytest.mark.parametrize("status", [500, 504])
def test_a_change_that_was_opened_behind_an_error_is_found(rig: Rig, status: int) -> None:
    rig.push("agent/one", {"x.txt": "x\n"})
    rig.fail("open", status=status, after_effect=True)
    assert rig.ensure() == rig.ensure()
    assert rig.writes() == ["POST"]


def test_a_change_that_was_not_opened_stays_an_error(rig: Rig) -> None:
    rig.push("agent/one", {"x.txt": "x\n"})
    rig.fail("open", status=502)
    with pytest.raises(Unavailable):
        rig.ensure()
    assert rig.ensure()


def test_a_change_from_nowhere_is_invalid(rig: Rig) -> None:
    with pytest.raises(Invalid):
        rig.ensure("agent/none")


# --- ensure_comment, react ------------------------------------------------------------------------------------------
def test_a_comment_is_written_once_and_edited_when_it_differs(rig: Rig, issue: int) -> None:
    on = rig.issue(issue)
    first = rig.forge.ensure_comment(on, "run:1", "working\n")
    assert rig.forge.ensure_comment(on, "run:1", "working\n") == first
    assert rig.writes() == ["POST"]
    assert rig.forge.ensure_comment(on, "run:1", "done") == first
    assert rig.forge.ensure_comment(on, "run:2", "other") != first
    assert rig.said(on) == [(rig.me, "<!-- journeyman:run:1 -->\ndone"), (rig.me, "<!-- journeyman:run:2 -->\nother")]


def test_a_comment_on_a_change_is_not_one_on_the_issue_of_its_number(rig: Rig, issue: int) -> None:
    change = rig.change(rig.open())
    first = rig.forge.ensure_comment(change, "run:1", "on the change")
    assert rig.forge.ensure_comment(change, "run:1", "on the change") == first
    assert [body for _, body in rig.said(change)] == ["<!-- journeyman:run:1 -->\non the change"]
    assert rig.said(rig.issue(issue)) == []


def test_somebody_elses_marker_never_counts(rig: Rig, issue: int) -> None:
    forged = rig.dev.comment(rig.repo.name, issue, "<!-- journeyman:run:1 -->\nforged", by="ann")
    assert rig.forge.ensure_comment(rig.issue(issue), "run:1", "true") != forged
    assert rig.said(rig.issue(issue))[0] == ("ann", "<!-- journeyman:run:1 -->\nforged")


def test_a_quoted_marker_in_the_bots_own_words_never_counts(rig: Rig, issue: int) -> None:
    first = rig.forge.ensure_comment(rig.issue(issue), "run:1", "they wrote: <!-- journeyman:run:2 -->")
    assert rig.forge.ensure_comment(rig.issue(issue), "run:2", "mine") != first


def test_a_comment_behind_many_others_is_found(rig: Rig, issue: int) -> None:
    for number in range(105):
        rig.dev.comment(rig.repo.name, issue, f"noise {number}", by="ann")
    first = rig.forge.ensure_comment(rig.issue(issue), "run:1", "one")
    assert rig.forge.ensure_comment(rig.issue(issue), "run:1", "two") == first


def test_a_comment_that_was_written_behind_an_error_is_found(rig: Rig, issue: int) -> None:
    on = rig.issue(issue)
    rig.fail("comment", status=502, after_effect=True)
    rig.forge.ensure_comment(on, "run:1", "once")
    rig.fail("edit comment", status=502, after_effect=True)
    with pytest.raises(Unavailable):
        rig.forge.ensure_comment(on, "run:1", "twice")
    rig.forge.ensure_comment(on, "run:1", "twice")
    assert rig.said(on) == [(rig.me, "<!-- journeyman:run:1 -->\ntwice")]


@pytest.mark.parametrize(("dialect", "limit"), [("github", 65_536), ("gitlab", 1_000_000)])
def test_a_long_comment_is_cut_in_the_middle(dialect: Dialect, limit: int) -> None:
    with running(dialect) as rig:
        on, text = rig.issue(rig.dev.open_issue(rig.repo.name, "T", "", by="ann")), "begin " + "x" * limit + " end"
        rig.forge.ensure_comment(on, "run:1", text)
        ((_, body),) = rig.said(on)
        assert len(body) <= limit
        assert body.startswith("<!-- journeyman:run:1 -->\nbegin")
        assert body.endswith(" end")
        assert "characters cut here" in body
        before = len(rig.writes())
        rig.forge.ensure_comment(on, "run:1", text)
        assert len(rig.writes()) == before


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_topic_cannot_end_the_marker(dialect: Dialect) -> None:
    with running(dialect) as rig:
        for topic in ("", "a b", "x-->", "a--b", "-a", "a\n", "<b>"):
            with pytest.raises(Invalid, match="topic"):
                rig.forge.ensure_comment(rig.issue(1), topic, "text")


@pytest.mark.parametrize("kind", ["issue", "change"])
def test_a_reaction_is_put_once(rig: Rig, issue: int, kind: str) -> None:
    subject = rig.issue(issue) if kind == "issue" else rig.change(rig.open())
    comment = rig.dev.comment(rig.repo.name, subject.number, "/agent fix", by="ann", kind=subject.kind)
    rig.forge.react(subject, comment, "eyes")
    rig.forge.react(subject, comment, "eyes")
    assert rig.faces(subject, comment) == [(rig.me, "eyes")]
    with pytest.raises(NotFound):
        rig.forge.react(subject, 99_999, "eyes")


def test_a_reaction_of_somebody_else_is_not_ours(rig: Rig, issue: int) -> None:
    on = rig.issue(issue)
    comment = rig.dev.comment(rig.repo.name, issue, "/agent fix", by="ann")
    other = rig.forge_of(rig.dev.add_token("mo"))
    try:
        other.react(on, comment, "+1")
    finally:
        other.close()
    rig.forge.react(on, comment, "+1")
    assert sorted(who for who, _ in rig.faces(on, comment)) == sorted(["mo", rig.me])


# --- set_gate -------------------------------------------------------------------------------------------------------
PENDING = GateReport("pending", "waits for an approval", "| rule | state |")
GREEN = GateReport("success", "permitted", "all rules hold")
RED = GateReport("failure", "blocked", "why")


def gates(rig: Rig, sha: str) -> list[Check]:
    return [check for check in rig.forge.checks(rig.repo, sha) if check.name == "journeyman/gate"]


def test_the_gate_is_one_check_that_follows_the_report(rig: Rig) -> None:
    sha = rig.push("agent/one", {"x.txt": "x\n"})
    for report in (PENDING, PENDING, GREEN, GREEN, PENDING, RED):
        rig.forge.set_gate(rig.repo, sha, report)
    assert len(rig.writes()) == 4
    ((state, summary),) = [(check.state, check.summary) for check in gates(rig, sha)]
    assert (state, summary) == ("failure", "blocked")


def test_a_gate_that_was_set_behind_an_error_is_not_set_twice(rig: Rig) -> None:
    sha = rig.push("agent/one", {"x.txt": "x\n"})
    rig.fail("gate", status=500, after_effect=True)
    with pytest.raises(Unavailable):
        rig.forge.set_gate(rig.repo, sha, GREEN)
    rig.forge.set_gate(rig.repo, sha, GREEN)
    assert len(rig.writes()) == 1
    assert len(gates(rig, sha)) == 1


def test_a_gate_on_no_commit_is_an_error(rig: Rig) -> None:
    with pytest.raises(ForgeError):
        rig.forge.set_gate(rig.repo, "ab" * 20, GREEN)


# --- merge ----------------------------------------------------------------------------------------------------------
def test_the_permitted_head_is_merged_once(rig: Rig) -> None:
    ref = rig.ref(rig.open())
    landed = rig.merge(ref)
    assert rig.merge(ref) == landed
    change = rig.forge.change(rig.repo, ref.number)
    assert (change.state, change.merged_sha) == ("merged", landed)
    assert rig.forge.head(rig.repo, "main") == landed


def test_a_merge_that_happened_behind_an_error_is_found(rig: Rig) -> None:
    ref = rig.ref(rig.open())
    rig.fail("merge", status=502, after_effect=True)
    assert rig.forge.head(rig.repo, "main") == rig.base
    landed = rig.merge(ref)
    assert rig.forge.head(rig.repo, "main") == landed


def test_a_merge_that_did_not_happen_stays_an_error(rig: Rig) -> None:
    ref = rig.ref(rig.open())
    rig.fail("merge", status=502)
    with pytest.raises(Unavailable):
        rig.merge(ref)
    assert rig.forge.head(rig.repo, "main") == rig.base


def test_a_head_that_moved_is_stale(rig: Rig) -> None:
    ref = rig.ref(rig.open())
    with pytest.raises(Stale):
        rig.merge(Ref(rig.repo, ref.number, rig.base))
    assert rig.forge.head(rig.repo, "main") == rig.base


def test_a_merge_of_another_head_is_not_taken_for_ours(rig: Rig) -> None:
    ref = rig.ref(rig.open())
    rig.merge(ref)
    with pytest.raises(Stale):
        rig.merge(Ref(rig.repo, ref.number, rig.base))


def test_a_conflict_is_stale(rig: Rig) -> None:
    first, second = rig.ref(rig.open("one", {"same": "a\n"})), rig.ref(rig.open("two", {"same": "b\n"}))
    rig.merge(first)
    with pytest.raises(Stale):
        rig.merge(second)


def test_a_closed_change_is_not_merged(rig: Rig) -> None:
    ref = rig.ref(rig.open())
    rig.shut(ref.number)
    with pytest.raises(Stale):
        rig.merge(ref)
    assert rig.forge.head(rig.repo, "main") == rig.base


def test_a_merge_takes_the_permit_for_this_very_head(rig: Rig) -> None:
    ref = rig.ref(rig.open())
    rig.seen.clear()
    other = permission_to_merge(Ref(rig.repo, ref.number, rig.base))
    for permit in (other, permission_to_open(rig.repo)):
        with pytest.raises(NotPermitted):
            rig.forge.merge(ref, permit, title="t", message="m")
    assert rig.seen == []


def test_an_issue_is_closed_once(rig: Rig, issue: int) -> None:
    rig.forge.close_issue(rig.repo, issue)
    rig.forge.close_issue(rig.repo, issue)
    assert rig.forge.issue(rig.repo, issue).state == "closed"
    assert len(rig.writes()) == 1
    with pytest.raises(NotFound):
        rig.forge.close_issue(rig.repo, 999)


# --- failures -------------------------------------------------------------------------------------------------------
def test_a_failure_is_told_in_our_words(rig: Rig, issue: int) -> None:
    expected: dict[int, type[ForgeError]] = {
        401: Unavailable,
        403: Denied,
        404: NotFound,
        409: Stale,
        422: Invalid,
        500: Unavailable,
        502: Unavailable,
        503: Unavailable,
        504: Unavailable,
    }
    for status, kind in expected.items():
        rig.fail("issue", status=status)
        with pytest.raises(kind) as caught:
            rig.forge.issue(rig.repo, issue)
        assert str(status) in str(caught.value)
        assert rig.token not in str(caught.value)
    assert rig.forge.issue(rig.repo, issue).number == issue


def test_a_request_to_slow_down_says_for_how_long(rig: Rig, issue: int) -> None:
    rig.fail("comment", status=429, retry_after=7)
    with pytest.raises(Unavailable) as caught:
        rig.forge.ensure_comment(rig.issue(issue), "run:1", "text")
    assert caught.value.retry_after == 7
    # Nothing was asked after that answer, by whomever: no request before retry-after.
    last, count = rig.seen[-1], len(rig.seen)
    with pytest.raises(Unavailable, match="slow down") as caught:
        rig.forge.issue(rig.repo, issue)
    assert caught.value.retry_after is not None
    assert 6 < caught.value.retry_after <= 7
    assert (last[0], len(rig.seen)) == ("POST", count)


def test_a_cut_answer_is_unavailable(rig: Rig, issue: int) -> None:
    rig.fail("issue", truncate=True)
    with pytest.raises(Unavailable):
        rig.forge.issue(rig.repo, issue)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_silence_is_unavailable_when_time_is_up(dialect: Dialect) -> None:
    with running(dialect, timeout=1) as rig:
        number = rig.dev.open_issue(rig.repo.name, "Broken", "", by="ann")
        rig.fail("issue", hang=30)
        with pytest.raises(Unavailable):
            rig.forge.issue(rig.repo, number)


def test_a_wrong_token_is_waited_for(rig: Rig) -> None:
    forge = rig.forge_of("wrong-secret")
    with pytest.raises(Unavailable, match="check the token") as caught:
        forge.whoami()
    forge.close()
    assert "wrong-secret" not in str(caught.value)


# --- the page -------------------------------------------------------------------------------------------------------
def test_the_page_tells_the_verbs_and_their_requests() -> None:
    assert forge_table.shown() == forge_table.table(), "docs/forges.md is old: python -m tests.forge_table"
    assert all(f"| `{verb}` |" in forge_table.shown() for verb in forge_table.verbs())
    assert "| ? |" not in forge_table.shown()
