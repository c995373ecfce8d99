"""The whole road with the bot as a GitHub App: its credentials end, or are taken away for a time; no run is lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Response, request

from bot.forges.github.webhook import EVENTS
from tests.routes import asked_for
from tests.scenarios.conftest import SECONDS, SETTINGS
from tests.world import CALC, Town
from workers.demo.stage import BOT, Scene, Stage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


class AppStage(Stage):
    """The stage, with an App in place of the bot's token: its own hook tells the installation of everything."""

    def _bot(self) -> tuple[str, str]:
        self.app = self.forge.add_app(BOT, events=sorted(EVENTS - {"ping"}))
        return f"{BOT}[bot]", ""

    def _environment(self, home: Path) -> dict[str, str]:
        given = super()._environment(home)
        given["JOURNEYMAN_GITHUB_TOKEN"] = ""
        given["JOURNEYMAN_GITHUB_APP_ID"] = self.app["id"]
        key = home / "app.pem"
        key.write_text(self.app["key"])
        key.chmod(0o600)
        given["JOURNEYMAN_GITHUB_APP_KEY_FILE"] = str(key)
        return given

    def scene(self, name: str, source: object, *, hook: tuple[str, str] | None = None) -> Scene:
        made = super().scene(name, source, hook=hook)  # type: ignore[arg-type]
        place = self.forge.world.repo(made.repo)
        assert place is not None
        with self.forge.world.lock:
            (old,) = place.hooks.values()
            place.hooks.clear()
        self.forge.app_hook(BOT, old.url, old.secret)
        self.installation_id = self.forge.install(BOT, made.repo)
        return made


@pytest.fixture(scope="module")
def stage() -> Iterator[AppStage]:
    with AppStage({**SETTINGS, "JOURNEYMAN_POLL_SECONDS": "1"}, seconds=SECONDS) as up:
        yield up


@pytest.fixture
def town(stage: AppStage, request: pytest.FixtureRequest) -> Iterator[Town]:
    yield Town(stage.scene(f"app-{abs(hash(request.node.name)) % 10**8}", CALC))
    del stage.forge.observers[:]


def test_from_the_issue_to_the_merge_with_tokens_that_keep_ending(stage: AppStage, town: Town) -> None:
    world = stage.forge.world
    refused: list[str] = []

    def watch(response: Response) -> None:
        if response.status_code == 401 and town.repo in asked_for():
            refused.append(request.path)

    stage.forge.observers.append(watch)
    run = town.fixed()
    assert stage.forge.expire_tokens() > 0
    town.judged()
    assert run.published is not None
    stage.forge.expire_tokens()
    town.label(run.published.number)
    merged = town.merged_once()
    assert refused, "no token was refused: nothing was tried"
    assert town.scene.gate(merged.head) == "permitted"
    with world.lock:
        issued, revoked = list(world.apps.issued), list(world.apps.revoked)
        left = [grant.permissions for grant in world.apps.grants.values()]
    assert revoked, "nothing was revoked"
    assert all(levels.get("contents") != "write" for levels in left), "what pushed or merged was left behind"
    log = stage.installation.log
    assert log is not None
    printed = log.read_text(errors="replace")
    assert not [value for value in issued if value in printed]


def test_a_suspended_installation_holds_the_run_until_it_is_taken_back(stage: AppStage, town: Town) -> None:
    refused: list[str] = []

    def watch(response: Response) -> None:
        if town.repo in asked_for() and response.status_code in (403, 200) and request.path.endswith("/installation"):
            refused.append(request.path)

    run = town.fixed()
    town.judged()
    assert run.published is not None
    stage.forge.suspend(stage.installation_id)
    stage.forge.observers.append(watch)
    town.label(run.published.number)
    town.eventually(lambda: refused, "the App to look for what became of its installation")
    assert not town.run.terminal
    stage.forge.suspend(stage.installation_id, on=False)
    town.merged_once()
