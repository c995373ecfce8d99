"""The gate: what counts as an approval, what keeps a change shut, and what is done where people act without it."""

from collections.abc import Iterator
from typing import Literal

import pytest

from tests.scenarios.conftest import Found
from tests.world import CALC, FIXED, Town
from workers.demo.people import StoryFailed
from workers.demo.stage import APPROVER, REQUESTER, STRANGER

pytestmark = pytest.mark.timeout(400)
APPROVAL, TESTS = "approved by a human", "tests are green"


def opened(town: Town, *, checks: str = "success") -> int:
    """Have a fix made and judged; return the change's number."""
    run = town.fixed()
    town.judged(checks=checks)
    assert run.published is not None
    return run.published.number


def refuses(town: Town, number: int, who: str, because: str) -> None:
    """Set the label as somebody whose approval does not count, and take it off again."""
    town.label(number, who)
    town.until(lambda run: run.judged and because in str(run.judged.rules), f"{who}'s label not to count")
    town.settle()
    assert town.run.state == "waiting"
    assert town.rule(APPROVAL)[0] == "pending"
    assert because in town.status(town.run)
    assert town.scene.gate(town.run.head) == "blocked"
    town.label(number, who, on=False)
    town.until(lambda run: run.judged and "is not set" in str(run.judged.rules), "the label to be gone")


def test_approvals_that_do_not_count_and_one_that_does(town: Town) -> None:
    number = opened(town)
    refuses(town, number, REQUESTER, "maria is the requester")
    refuses(town, number, town.bot, f"{town.bot} is the bot")
    town.stage.forge.set_role(town.repo, STRANGER, "triage")
    if town.stage.dialect == "github":
        refuses(town, number, STRANGER, "sam has triage access, not write")
    else:
        with pytest.raises(StoryFailed, match="403"):  # GitLab lets nobody below a Developer do that
            town.label(number, STRANGER)
    helper = town.program("helper", "admin")
    refuses(town, number, helper, f"{helper} is a bot")
    town.label_issue(town.run.intent.issue)  # on the issue, not on the change
    town.settle()
    assert town.run.state == "waiting"
    town.label(number)
    run = town.merged_once()
    assert run.judged is not None
    assert run.judged.approvers == (APPROVER,)


@pytest.mark.slow
def test_an_approval_before_a_later_push_does_not_count(town: Town) -> None:
    number = opened(town)
    drafted(town, number, True)
    town.label(number)
    town.until(lambda run: run.judged and "it is a draft" in str(run.judged.rules), "the draft to be seen")
    assert town.rule(APPROVAL)[0] == "pass"
    branch = town.proposed.branch
    sha = town.commit({"notes.txt": "by hand\n"}, branch, who=REQUESTER)
    drafted(town, number, False)
    town.until(lambda run: run.head == sha, "the push to be seen")
    town.judged()
    town.settle()
    assert town.run.state == "waiting"
    assert "commits were pushed after it" in town.rule(APPROVAL)[1]
    town.label(number, on=False)
    refuses(town, number, REQUESTER, "maria is the requester")
    town.label(number)
    run = town.merged_once()
    assert town.file("notes.txt") == "by hand\n"
    assert run.merged is not None
    assert run.merged.head_sha == sha


def drafted(town: Town, number: int, draft: bool) -> None:
    """Make a change a draft, or ready for review; GitHub has no REST call for it."""
    with town.stage.forge.world.lock:
        town.change_record(number).draft = draft


@pytest.mark.slow
def test_a_conflict_with_the_base(town: Town) -> None:
    number = opened(town)
    town.commit({"calc.py": FIXED.replace("a + b", "b + a")})
    town.label(number)
    town.until(lambda run: run.judged and "it conflicts" in str(run.judged.rules), "the conflict to be seen")
    town.settle()
    assert town.run.state == "waiting"
    assert "update the branch" in town.status(town.run)
    assert town.scene.gate(town.run.head) == "blocked"
    assert town.obeyed(town.run.intent.issue, "/agent stop").outcome == "moved"
    town.ended("stopped")
    town.sound()


def status(town: Town, sha: str, state: Literal["pending", "success", "failure"]) -> None:
    """Report on a commit as a person's own CI does."""
    town.scene.people.report(APPROVER, sha, "lint", state)


@pytest.mark.slow
def test_red_checks_keep_it_shut_until_they_are_green(town: Town) -> None:
    number = opened(town)
    status(town, town.run.head, "failure")
    town.judged(checks="failure")
    town.label(number)
    town.until(lambda run: run.judged and run.judged.approvers, "the approval to be seen")
    town.settle()
    assert town.rule(TESTS) == ("fail", "failed: lint; push a fix, or run the checks again")
    assert town.scene.gate(town.run.head) == "blocked"
    assert town.run.state == "waiting"
    status(town, town.run.head, "pending")
    town.judged(checks="pending")
    status(town, town.run.head, "success")
    town.merged_once()


@pytest.fixture
def no_ci(town: Town) -> Iterator[None]:
    """Switch the forge's CI off for a while."""
    world = town.stage.forge.world
    usual, world.build = world.build, lambda *_: None
    yield
    world.build = usual


@pytest.mark.slow
def test_no_check_at_all_is_no_success(town: Town, no_ci: None) -> None:
    number = opened(town, checks="none")
    town.label(number)
    town.until(lambda run: run.judged and run.judged.approvers, "the approval to be seen")
    town.settle()
    assert town.rule(TESTS)[0] == "pending"
    assert "no check is no success" in town.rule(TESTS)[1]
    status(town, town.run.head, "success")
    town.merged_once()


@pytest.mark.slow
def test_the_forges_own_rules_refuse_the_merge(town: Town) -> None:
    protect, github = town.stage.forge.protect, town.stage.dialect == "github"
    if github:
        protect(town.repo, "main", required_contexts=["lint"])
    else:
        protect(town.repo, "main", mergers="maintain")
    number = opened(town)
    town.label(number)
    town.until(lambda run: run.merge_refused is not None, "the refusal")
    town.settle()
    assert f"The forge did not merge {town.subject.mark}" in town.status(town.run)
    assert ('"lint"' if github else "may not merge into that branch") in town.status(town.run)
    if github:
        status(town, town.run.head, "success")
    else:
        protect(town.repo, "main")
        assert town.obeyed(town.run.intent.issue, "/agent retry").outcome == "moved"
    town.merged_once()


# --- which policy ---------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_solo_lets_the_requester_approve_what_the_bot_wrote(found: Found) -> None:
    town = found({**CALC, ".agent.yml": "# one person\npolicy: solo\n"})
    number = opened(town)
    town.label(number, REQUESTER)
    run = town.merged_once()
    assert run.judged is not None
    assert run.judged.approvers == (REQUESTER,)


@pytest.mark.parametrize(("text", "said"), [
    ("# fine\npolicy: solo\npolicy: default\n", ".agent.yml:3:"),
    ("policy: ../../../etc/passwd\n", "does not name a policy"),
], ids=["not yaml", "a path"])  # fmt: skip
def test_a_broken_agent_file_keeps_everything_shut(text: str, said: str, found: Found) -> None:
    town = found({**CALC, ".agent.yml": text})
    town.say(town.issue(), "/agent fix")
    run = town.ended("failed")
    assert run.failed is not None
    assert run.failed.code == "policy"
    assert said in run.failed.reason
    assert said in town.status(run)
    assert not town.scene.changes()
    assert not run.attempts, "nothing is tried where it could not be published"
    town.sound()


@pytest.mark.slow
def test_an_agent_file_that_breaks_later_shuts_the_gate_until_it_is_mended(town: Town) -> None:
    number = opened(town)
    branch = town.proposed.branch
    town.commit({".agent.yml": "policy: default\nrules: []\n"})
    sha = town.commit({"notes.txt": "one\n"}, branch)
    town.until(lambda run: run.head == sha and run.judged, "the push to be judged")
    town.label(number)
    town.settle()
    assert town.run.state == "waiting"
    assert "unknown key 'rules'" in str(town.run.judged)
    assert town.scene.gate(sha) == "blocked"
    town.commit({".agent.yml": "policy: default\n"})
    sha = town.commit({"notes.txt": "two\n"}, branch)
    town.until(lambda run: run.head == sha, "the push to be seen")
    town.judged()
    town.person("kim", "write")
    town.label(number, on=False)
    town.label(number, "kim")  # lee has pushed to it
    town.merged_once()


@pytest.mark.slow
def test_an_agent_file_in_the_head_only_changes_nothing(town: Town) -> None:
    number = opened(town)
    branch = town.proposed.branch
    sha = town.commit({".agent.yml": "policy: solo\n"}, branch, who=APPROVER)
    town.until(lambda run: run.head == sha, "the push to be seen")
    town.judged()
    town.label(number, REQUESTER)
    town.until(lambda run: run.judged and "maria is the requester" in str(run.judged.rules), "the label to be seen")
    town.settle()
    assert town.rule("no protected path is touched")[0] == "fail"
    assert town.scene.gate(sha) == "blocked"
    assert town.run.state == "waiting"


# --- people without the gate ----------------------------------------------------------------------------------------
@pytest.mark.slow
def test_a_person_closes_the_change_and_a_retry_begins_anew(town: Town) -> None:
    number = opened(town)
    first = town.run.branch
    town.scene.people.close_change(APPROVER, number)
    run = town.ended("closed")
    assert "was closed on the forge" in town.status(run)
    assert town.obeyed(run.intent.issue, "/agent retry").outcome == "moved"
    run = town.until(lambda run: run.published is not None, "another change")
    assert run.published is not None
    assert run.published.branch != first
    assert run.published.number != number
    town.judged()
    town.label(run.published.number)
    town.ended("done")
    town.sound()


@pytest.mark.slow
def test_a_person_merges_without_the_gate(town: Town) -> None:
    number = opened(town)
    town.scene.people.merge(APPROVER, number)
    run = town.ended("closed")
    assert run.change_closed is not None
    assert run.change_closed.merged
    assert run.merged is None
    assert "merged without the gate" in town.status(run)
    town.sound()
