"""Whatever is killed, and whatever Redis forgets: one change, one merge, one comment, one message, and no open end."""

import random
import re
from collections.abc import Callable

import pytest
from flask import Response, request

from tests.routes import asked_for, by
from tests.world import FIXED, Town
from workers.demo.stage import Stage

pytestmark = pytest.mark.timeout(400)
SLOW = pytest.mark.slow


@pytest.mark.slow
def test_the_story_without_any_mishap(town: Town) -> None:
    run = town.fixed()
    assert run.published is not None
    town.judged()
    assert town.scene.gate(run.head) == "blocked" or town.eventually(
        lambda: town.scene.gate(run.head) == "blocked", "the gate to be shown"
    )
    town.label(run.published.number)
    merged = town.merged_once()
    assert merged.judged is not None
    assert merged.judged.approvers == ("lee",)
    assert town.file("calc.py") == FIXED
    assert town.scene.gate(run.head) == "permitted"


def test_the_agent_is_killed_in_the_middle_of_its_task(town: Town) -> None:
    town.say(town.issue(), "/agent fix")
    town.until(lambda run: "repair" in run.running or run.running - {"plan"}, "the task to begin")
    town.kill("agent")
    run = town.until(lambda run: run.published is not None, "a change to be opened")
    assert run.published is not None
    assert max(run.attempts.values()) == 2
    town.label(run.published.number)
    town.merged_once()


def test_redis_forgets_everything_again_and_again(town: Town) -> None:
    valkey = town.stage.installation.valkey
    assert valkey is not None
    with valkey.client() as client:
        town.say(town.issue(), "/agent fix")

        def wiped(holds: Callable[[], object], what: str) -> None:
            def look() -> object:
                client.flushall()
                return holds()

            town.eventually(look, what)

        wiped(lambda: town.runs() and town.run.published, "a change to be opened")
        assert town.run.published is not None
        town.label(town.run.published.number)
        wiped(lambda: town.run.state == "done", "the run to be done")
    town.merged_once()


@pytest.mark.slow
def test_redis_itself_is_killed(town: Town) -> None:
    town.say(town.issue(), "/agent fix")
    town.until(lambda run: run.state == "working", "the run to work")
    town.kill("valkey")
    run = town.until(lambda run: run.published is not None, "a change to be opened")
    assert run.published is not None
    town.kill("valkey")
    town.label(run.published.number)
    town.merged_once()


@SLOW
def test_the_broker_is_killed_at_random_moments(town: Town) -> None:
    pauses = [random.uniform(0.0, 3.0) for _ in range(3)]  # pytest-randomly seeds it, and prints the seed
    kills = iter(pauses)
    clock = town.stage.store.time.now
    next_kill = clock() + next(kills)
    town.say(town.issue(), "/agent fix")
    labelled = False

    def look() -> bool:
        nonlocal next_kill, labelled
        if clock() >= next_kill:
            town.kill("broker")
            next_kill = clock() + next(kills, 10_000.0)
        run = next(iter(town.runs()), None)
        if run is not None and run.published is not None and not labelled:
            labelled = True
            town.label(run.published.number)
        return run is not None and run.state == "done"

    town.eventually(look, f"the run to be done (kills after {pauses})")
    merged = town.merged_once()
    assert merged.published is not None
    assert town.file("calc.py") == FIXED


POINTS = {
    "the status comment is written": "comment",
    "the chat message is posted": "/slack/api/chat.postMessage",
    "the change is opened": "open change",
    "the gate is shown": "show gate",
    "the change is merged": "merge",
    "the issue is closed": "close issue",
}


MOST = ("the change is merged",)
"""Where a second time would do most harm; the other points are slow tests."""


@pytest.fixture
def trap(town: Town, stage: Stage) -> Callable[[str], list[str]]:
    """Kill the broker right when the forge has done something, before the answer is sent."""

    def arm(what: str) -> list[str]:
        sprung: list[str] = []
        method, pattern = ("POST", f"^{what}$") if what.startswith("/") else town.route(what)

        def watch(response: Response) -> None:
            mine = re.search(pattern, asked_for()) and request.method == method
            by_person = by(town.stage.tokens[who] for who in ("maria", "lee", "sam"))
            if mine and response.status_code < 300 and not sprung and not by_person:
                sprung.append(request.path)
                town.kill("broker")

        stage.forge.observers.append(watch)
        return sprung

    return arm


@pytest.mark.parametrize("point", [pytest.param(one, marks=() if one in MOST else SLOW) for one in POINTS])
def test_the_broker_dies_right_after_an_effect(point: str, town: Town, trap: Callable[[str], list[str]]) -> None:
    sprung = trap(POINTS[point])
    town.say(town.issue(), "/agent fix")
    run = town.until(lambda run: run.published is not None, "a change to be opened")
    assert run.published is not None
    town.label(run.published.number)
    merged = town.merged_once()
    assert sprung, f"never came to: {point}"
    (message,) = town.chat(merged)
    assert "*Done.*" in message
