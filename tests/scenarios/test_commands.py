"""What people say to the bot, and what it does about it."""

import pytest

from tests.scenarios.conftest import Found
from tests.world import CALC, FIXED, Town
from workers.demo.stage import APPROVER, REQUESTER, STRANGER

pytestmark = pytest.mark.timeout(400)


def test_a_plan_is_carried_out_only_when_its_digest_is_approved(town: Town) -> None:
    issue = town.issue()
    assert town.obeyed(issue, "/agent plan").outcome == "started"
    run = town.until(lambda run: run.state == "planned", "a plan")
    assert run.planned is not None
    digest = run.planned.digest
    town.settle()
    assert f"/agent approve {digest[:12]}" in town.status(run)
    for wrong in ("", " 0000000000", f" {digest[:7]}", f" {digest[1:]}", f" {digest}0"):
        assert town.obeyed(issue, f"/agent approve{wrong}", APPROVER).reason == "another digest", wrong
    assert f"`/agent approve {digest[:12]}`" in town.said(issue)[-1]
    assert town.obeyed(issue, f"/agent approve {digest}", STRANGER).outcome == "refused"
    town.settle()
    assert town.run.state == "planned"
    assert not town.run.attempts
    assert town.obeyed(issue, f"/agent approve {digest[:12].upper()}", APPROVER).outcome == "moved"
    run = town.until(lambda run: run.published is not None, "a change to be opened")
    assert run.plan_approval is not None
    assert (run.plan_approval.by, run.plan_approval.role) == (APPROVER, "maintain")
    assert town.obeyed(issue, f"/agent approve {digest}", APPROVER).reason == "nothing to approve"
    town.settle()
    assert "Plan approved by `lee`" in town.status(run)
    town.sound()


@pytest.mark.slow
def test_a_plan_can_be_stopped(town: Town) -> None:
    issue = town.issue()
    town.say(issue, "/agent plan")
    town.until(lambda run: run.state == "planned", "a plan")
    assert town.obeyed(issue, "/agent stop", APPROVER).outcome == "moved"
    run = town.ended("stopped")
    assert "**Stopped** by `lee`" in town.status(run)
    assert town.obeyed(issue, "/agent stop").outcome == "answered"
    town.sound()


def test_stop_in_the_middle_opens_nothing_and_retry_goes_on(town: Town) -> None:
    issue = town.issue()
    town.say(issue, "/agent fix")
    town.until(lambda run: run.state == "working", "the run to work")
    assert town.obeyed(issue, "/agent stop").outcome == "moved"
    run = town.ended("stopped")
    town.eventually(lambda: not _leased(town), "the agent to be through")
    assert not town.scene.changes()
    assert "/agent retry" in town.status(run)
    assert town.obeyed(issue, "/agent retry", STRANGER).outcome == "refused"
    assert town.obeyed(issue, "/agent retry", APPROVER).outcome == "moved"
    run = town.until(lambda run: run.published is not None, "a change to be opened")
    assert run.published is not None
    assert run.published.branch.endswith("-2")
    town.judged()
    town.label(run.published.number)
    town.merged_once()
    assert len(town.runs()) == 1


def _leased(town: Town) -> int:
    return town.stage.store.jobs.counts()["leased"]


@pytest.mark.slow
def test_stop_while_the_change_is_open_leaves_it_to_people(town: Town) -> None:
    run = town.fixed()
    town.judged()
    assert run.published is not None
    assert town.obeyed(town.subject, "/agent stop", APPROVER).outcome == "moved"
    town.ended("stopped")
    town.label(run.published.number)
    town.settle()
    assert town.proposed.state == "open"
    assert town.obeyed(town.subject, "/agent retry", APPROVER).outcome == "moved"
    run = town.merged_once()
    assert town.obeyed(run.intent.issue, "/agent retry").reason == "it is done"
    assert "**Done.**" in town.said(run.intent.issue)[-1]


@pytest.mark.slow
def test_retry_after_a_failure_looks_at_the_repository_again(found: Found) -> None:
    town = found({**CALC, "calc.py": FIXED})
    issue = town.issue()
    assert town.obeyed(issue, "/agent fix").outcome == "started"
    run = town.ended("failed")
    assert run.failed is not None
    assert run.failed.code == "nothing_failing"
    assert "**Not solved.**" in town.status(run)
    town.commit({"calc.py": CALC["calc.py"]})
    assert town.obeyed(issue, "/agent retry").outcome == "moved"
    run = town.until(lambda run: run.published is not None, "a change to be opened")
    assert run.source is not None
    assert run.source.base_sha == town.head()
    assert run.published is not None
    town.label(run.published.number)
    town.merged_once()
    assert town.file("calc.py") == FIXED


SUB = {"sub.py": "def sub(a, b):\n    return a + b\n"}
TEST_SUB = {"test_sub.py": "from sub import sub\n\n\ndef test_sub():\n    assert sub(5, 2) == 3\n"}


@pytest.mark.slow
def test_a_revision_is_one_more_commit_that_is_judged_anew(town: Town) -> None:
    town.commit(SUB)
    issue = town.issue()
    assert town.obeyed(issue, "/agent revise call it plus").reason == "no open change"
    parent = town.fixed(issue)
    assert parent.published is not None
    town.judged()
    number, branch = parent.published.number, parent.published.branch
    assert town.obeyed(town.subject, "/agent revise", APPROVER).reason == "no text"
    assert town.obeyed(town.subject, "/agent revise it", STRANGER).outcome == "refused"
    by_hand = town.commit(TEST_SUB, branch, who=REQUESTER)
    town.until(lambda run: run.head == by_hand, "the push to be seen")
    asked = town.say(town.subject, "/agent revise make test_sub.py::test_sub pass", APPROVER)
    assert town.outcome(asked).outcome == "started"
    revision = town.eventually(
        lambda: next((run for run in town.runs() if run.intent.kind == "revise" and run.published), None), "a revision"
    )
    assert (revision.state, revision.intent.requester, revision.published.number) == ("done", APPROVER, number)
    assert town.head(branch) == revision.published.head_sha
    town.settle()
    assert town.scene.reactions(town.subject, asked) == ["eyes"]
    assert f"**Revised.** {revision.published.head_sha[:12]} is on {town.subject.mark}" in town.status(revision)
    town.eventually(
        lambda: next(run for run in town.runs() if run.id == parent.id).head == town.head(branch), "the gate to see it"
    )
    town.label(number)
    run = town.eventually(
        lambda: next((run for run in town.runs() if run.id == parent.id and run.state == "done"), None), "the merge"
    )
    assert run.merged is not None
    assert (run.merged.landed, run.merged.head_sha) == (True, revision.published.head_sha)
    assert town.file("sub.py") == "def sub(a, b):\n    return a - b\n"
    assert len(town.scene.changes()) == 1
    town.sound()


@pytest.mark.slow
def test_a_revision_that_nobody_can_make_leaves_the_change_as_it_is(town: Town) -> None:
    parent = town.fixed()
    town.judged()
    assert town.obeyed(town.subject, "/agent revise paint it green", APPROVER).outcome == "started"
    revision = town.eventually(
        lambda: next((run for run in town.runs() if run.intent.kind == "revise" and run.terminal), None), "its end"
    )
    assert (revision.state, revision.failed.code) == ("failed", "nothing_failing")
    town.settle()
    assert "the change stays as it was" in town.status(revision)
    assert town.head(parent.branch) == parent.head
    town.label(town.proposed.number)
    run = town.eventually(
        lambda: next((run for run in town.runs() if run.id == parent.id and run.state == "done"), None), "the merge"
    )
    assert run.merged is not None
    town.sound()


@pytest.mark.slow
def test_why_tells_the_story(town: Town) -> None:
    run = town.fixed()
    town.judged()
    issue = run.intent.issue
    assert town.obeyed(issue, "/agent why", STRANGER).outcome == "answered"
    story = town.said(issue)[-1]
    for part in (
        "`maria` asked for a fix",
        "plan",
        "patch found and proven",
        f"change {town.subject.mark} opened",
        "approved-by-human",
    ):
        assert part in story, part
    assert len(town.said(issue)) == 2, "the status comment, and one story"
    assert town.obeyed(issue, "/agent why").outcome == "answered"
    assert len(town.said(issue)) == 3, "who asks again gets an answer below the question"
    town.sound()


@pytest.mark.slow
def test_a_new_fix_after_everything_is_done(town: Town) -> None:
    run = town.fixed()
    assert run.published is not None
    town.judged()
    town.label(run.published.number)
    first = town.merged_once()
    issue = run.intent.issue
    assert town.obeyed(issue, "/agent fix").reason == "closed issue"
    town.scene.people.set_issue("maria", issue, is_open=True)
    assert town.obeyed(issue, "/agent fix").outcome == "started"
    second = town.ended("failed")
    assert second.id != first.id
    assert second.failed is not None
    assert second.failed.code == "nothing_failing"
    town.sound()


@pytest.mark.slow
def test_two_issues_of_one_repository_at_once(town: Town) -> None:
    issues = [town.issue(), town.issue()]
    for issue in issues:
        town.say(issue, "/agent fix")
    town.eventually(lambda: len([run for run in town.runs() if run.published]) == 2, "two changes")
    assert {run.intent.issue for run in town.runs()} == set(issues)
    assert len({run.branch for run in town.runs()}) == 2
    town.sound()
