"""The forge fails the way real forges fail: nothing is doubled, nothing is lost, and nobody is pestered."""

import time
from collections.abc import Iterator

import pytest
from flask import Response, request

from tests.routes import asked_for, by
from tests.scenarios.conftest import SECONDS
from tests.world import CALC, INI, Town
from workers.demo.stage import BOT, Dialect, Stage

pytestmark = pytest.mark.timeout(400)


WRITES = ("react", "push", "open change", "show gate", "edit comment", "merge", "close issue")


def test_the_answer_to_every_write_is_lost_once(town: Town) -> None:
    fail = town.stage.forge.fail_next
    slack = [("POST", f"^/slack/api/chat.{verb}$") for verb in ("postMessage", "update")]
    for method, path in (*map(town.route, WRITES), *slack):
        fail(method, path, status=500, after_effect=True)
    town.say(town.issue(), "/agent fix")
    fail(*town.route("comment"), status=500, after_effect=True)
    run = town.until(lambda run: run.published is not None, "a change to be opened")
    assert run.published is not None
    town.label(run.published.number)
    merged = town.merged_once()
    (message,) = town.chat(merged)
    assert "*Done.*" in message


@pytest.mark.slow
def test_reads_fail_are_cut_and_hang(town: Town) -> None:
    fail = town.stage.forge.fail_next
    fail(*town.route("repository"), status=502)
    fail(*town.route("role"), status=503)
    fail(*town.route("change"), truncate=True)
    fail(*town.route("files"), status=500, times=2)
    fail(*town.route("checks"), hang=0.5, status=504)
    fail(*town.route("git"), status=503)
    run = town.fixed()
    assert run.published is not None
    town.label(run.published.number)
    town.merged_once()


@pytest.mark.slow
def test_a_pause_that_the_forge_asks_for_is_kept(town: Town) -> None:
    asked: list[float] = []
    early: list[str] = []
    mine = town.stage.tokens[BOT]
    slow = 403 if town.stage.dialect == "github" else 429

    def watch(response: Response) -> None:
        if not by([mine]) or town.repo not in asked_for():
            return
        if asked and time.monotonic() < asked[0] + 3:
            early.append(f"{request.method} {request.path}")
        if response.headers.get("Retry-After"):
            asked.append(time.monotonic())

    town.stage.forge.observers.append(watch)
    issue = town.issue()
    town.stage.forge.fail_next(*town.route("comment"), status=slow, retry_after=3)
    with pytest.raises(Exception, match=str(slow)):
        town.say(issue, "/agent help")  # people are limited just as well
    town.stage.forge.fail_next(*town.route("open change"), status=slow, retry_after=3)
    asked.clear()
    town.say(issue, "/agent fix")
    town.eventually(lambda: asked, "the forge to ask for a pause")
    town.until(lambda run: run.published is not None, "a change to be opened")
    assert not early, early
    assert time.monotonic() >= asked[0] + 3
    town.sound()


def test_a_revoked_token_pauses_the_run_and_it_goes_on_with_a_valid_one(town: Town) -> None:
    world, refused = town.stage.forge.world, []
    mine = town.stage.tokens[BOT]

    def watch(response: Response) -> None:
        if response.status_code == 401 and town.repo in asked_for():
            refused.append(request.path)

    town.stage.forge.observers.append(watch)
    run = town.fixed()
    town.judged()
    assert run.published is not None
    with world.lock:
        revoked = world.tokens.pop(mine)
    try:
        town.label(run.published.number)
        town.eventually(lambda: refused, "the forge to refuse the token")
        assert not town.run.terminal
    finally:
        with world.lock:
            world.tokens[revoked.value] = revoked
    merged = town.merged_once()
    assert "**Done.**" in town.status(merged)


@pytest.mark.slow
def test_a_report_that_the_forge_refused_is_made_good_and_a_late_git_is_waited_for(town: Town) -> None:
    """Without the permission to comment or to show the gate a run waits; git knows of a merge later than the API."""
    fail = town.stage.forge.fail_next
    fail(*town.route("show gate"), status=403)
    fail(*town.route("set status"), status=403)
    fail(*town.route("edit comment"), status=403)
    run = town.fixed()
    run = town.judged()
    town.settle()
    assert run.published is not None
    fail(*town.route("git"), status=404)
    town.label(run.published.number)
    merged = town.merged_once()
    assert merged.merged is not None
    assert merged.merged.landed
    assert "**Done.**" in town.status(merged)
    assert town.scene.gate(merged.head) == "permitted"


# --- an installation that looks often and gives tasks little time ---------------------------------------------------
@pytest.fixture(scope="module")
def hasty() -> Iterator[Stage]:
    with Stage(HASTY, seconds=SECONDS) as stage:
        yield stage


HASTY = {"JOURNEYMAN_POLL_SECONDS": "1", "JOURNEYMAN_TASK_SECONDS": "25", "JOURNEYMAN_RECONCILE_SECONDS": "1"}


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ["github", "gitlab"])
def test_a_command_whose_delivery_was_lost_is_found(dialect: Dialect) -> None:
    settings = {**HASTY, "JOURNEYMAN_REPOS": f"{dialect}:demo/unheard {dialect}:demo/none"}
    with Stage(settings, seconds=SECONDS, dialect=dialect) as stage:
        town = Town(stage.scene("unheard", CALC))
        stage.forge.set_role(town.repo, town.bot, "admin")
        issue = town.issue()
        stage.forge.lose_webhooks("issue_comment" if dialect == "github" else "note")
        asked = town.say(issue, "/agent fix")
        assert town.outcome(asked).outcome == "started", "in a repository of which nothing was ever heard"
        run = town.until(lambda run: run.published is not None, "a change to be opened")
        assert run.published is not None
        town.judged()
        town.label(run.published.number)
        run = town.merged_once()
        stage.forge.lose_webhooks("issue_comment" if dialect == "github" else "note")
        asked = town.say(run.intent.issue, "/agent why")
        assert town.outcome(asked).outcome == "answered"
        town.sound()


@pytest.mark.slow
def test_the_clock_finds_what_no_webhook_told(hasty: Stage) -> None:
    town = Town(hasty.scene("lost", CALC))
    run = town.fixed()
    with town.stage.forge.world.lock:
        for hook in town.place.hooks.values():
            hook.active = False
    assert run.published is not None
    town.judged()
    town.label(run.published.number)
    town.merged_once()


DEAF = """\
import os
import signal

from calc import add


def test_deaf():
    add(1, 2)
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    os.fork()
    while True:
        pass
"""
ADD = {**INI, "calc.py": CALC["calc.py"]}
HANGS: dict[str, tuple[dict[str, str], str]] = {
    "while loading": (
        {**ADD, "test_slow.py": "import time\n\ntime.sleep(10_000)\n"},
        "test_slow.py did not load within ",
    ),
    "deaf": ({**ADD, "test_slow.py": DEAF}, "test_slow.py::test_deaf did not end within "),
}


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.slow if kind == "deaf" else ()) for kind in HANGS]
)
def test_a_repository_whose_tests_hang(kind: str, hasty: Stage) -> None:
    files, words = HANGS[kind]
    town = Town(hasty.scene(kind.replace(" ", "-"), files))
    town.say(town.issue("add() is wrong", "It should add."), "/agent fix")
    run = town.ended("failed")
    assert run.failed is not None
    assert run.failed.code == "hang", run.failed
    assert run.failed.reason.startswith(words)
    assert f"**Not solved.** `{words}" in town.status(run)
    assert "mend what hangs, then comment `/agent retry`" in town.status(run)
    assert not town.scene.changes()
    town.sound()
