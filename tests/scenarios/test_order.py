"""Commands are obeyed in the order in which they were written, however they arrive; a late one undoes nothing."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from bot.devforge.model import Delivery
from tests.world import Town
from workers.demo.stage import APPROVER, REQUESTER, STRANGER

pytestmark = pytest.mark.timeout(400)
ISSUES = 5


def withheld(town: Town, number: int, text: str, who: str = REQUESTER) -> int:
    """Comment, but let the delivery get lost on its way."""
    forge = town.stage.forge
    with forge.world.lock:  # or the loss would hit somebody else's
        forge.lose_webhooks("issue_comment" if town.stage.dialect == "github" else "note")
        comment = forge.comment(town.repo, number, text, by=who)
        for hook in town.place.hooks.values():  # GitLab sends nothing to a hook that failed several times in a row
            hook.failures, hook.disabled_until = 0, None
        return comment


def arrive(town: Town, comment: int) -> None:
    """Bring a delivery that was withheld."""
    one: Delivery = town.delivery(comment)
    assert one.code == 0
    assert requests.post(town.hook, data=one.body, headers=one.sent_headers, timeout=30).status_code == 202


def test_fix_and_stop_that_arrive_at_once_and_in_any_order_end_stopped(town: Town) -> None:
    issues = [town.issue() for _ in range(ISSUES)]
    pairs = [(withheld(town, issue, "/agent fix"), withheld(town, issue, "/agent stop")) for issue in issues]
    arrivals = [comment for fix, stop in pairs for comment in random.choice([(fix, stop), (stop, fix)])]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda comment: arrive(town, comment), arrivals))
    for pair in pairs:
        ends = [town.outcome(comment) for comment in pair]
        assert [(end.outcome, end.command) for end in ends] in (
            [("started", "fix"), ("moved", "stop")],
            [("answered", "fix"), ("answered", "stop")],
        ), ends
    town.settle()
    assert {run.state for run in town.runs()} <= {"stopped"}
    assert not town.scene.changes()
    town.sound()


def test_a_fix_that_comes_after_a_later_stop_starts_nothing(town: Town) -> None:
    issue = town.issue()
    late = withheld(town, issue, "/agent fix")
    assert town.obeyed(issue, "/agent stop").reason == "no run"
    arrive(town, late)
    end = town.outcome(late)
    assert (end.outcome, end.reason) == ("answered", "/agent stop, written later, was obeyed before it came")
    assert "`/agent fix` came in late" in town.said(issue)[-1]
    assert not town.runs()
    assert town.obeyed(issue, "/agent fix").outcome == "started"
    town.say(issue, "/agent stop")
    town.ended("stopped")
    town.sound()


def test_a_stop_that_comes_late_stops_what_it_was_written_for_and_nothing_newer(town: Town) -> None:
    issue = town.issue()
    late = withheld(town, issue, "/agent stop")
    assert town.obeyed(issue, "/agent plan").outcome == "started"
    arrive(town, late)
    assert town.outcome(late).reason == "/agent plan, written later, was obeyed before it came"
    run = town.until(lambda run: run.state == "planned", "a plan")
    assert run.planned is not None
    late = withheld(town, issue, "/agent stop")
    assert town.obeyed(issue, f"/agent approve {run.planned.digest}", APPROVER).outcome == "moved"
    arrive(town, late)
    assert town.outcome(late).outcome == "moved", "an approval is no reason to go on"
    town.ended("stopped")
    town.sound()


def test_what_was_not_obeyed_overtakes_nothing(town: Town) -> None:
    issue = town.issue()
    late = withheld(town, issue, "/agent plan")
    assert town.obeyed(issue, "/agent stop", STRANGER).outcome == "refused"
    assert town.obeyed(issue, "/agent why").outcome == "answered"
    assert town.obeyed(issue, "/agent retry").reason == "no run"
    arrive(town, late)
    assert town.outcome(late).outcome == "started"
    town.until(lambda run: run.state == "planned", "a plan")
    town.sound()


@pytest.mark.slow
def test_a_stop_on_the_change_is_not_undone_by_an_older_retry_on_the_issue(town: Town) -> None:
    run = town.fixed()
    assert run.published is not None
    late = withheld(town, run.intent.issue, "/agent retry")
    assert town.obeyed(town.subject, "/agent stop").outcome == "moved"
    arrive(town, late)
    assert town.outcome(late).reason == "/agent stop, written later, was obeyed before it came"
    assert town.ended("stopped").generation == run.generation
    town.sound()
