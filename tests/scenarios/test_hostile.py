"""A model or a whole agent zone that wants what it must not have is refused with the reason, and nothing is opened."""

from collections.abc import Iterator

import pytest

from bot.bootstrap import open_store
from bot.config import load
from bot.domain import facts as f
from bot.domain.envelope import Zone
from bot.domain.errors import LedgerError
from bot.services.books import RunBook
from tests.scenarios.conftest import SECONDS
from tests.world import CALC, Town
from workers.demo.stage import Stage
from workers.models.script import parse
from workers.models.scripted_server import ScriptedServer

pytestmark = pytest.mark.timeout(400)
STEAL = "mkdir -p .github/workflows && echo 'on: push' > .github/workflows/steal.yml"
WORKFLOW = f"{STEAL} && sed -i 's/a - b/a + b/' calc.py"
SCRIPT = [
    {"call": {"name": "files.write", "arguments": {"path": "docs/CODEOWNERS", "content": "* @mallory"}}},
    {"call": {"name": "shell.run", "arguments": {"command": WORKFLOW}}},
    {"call": {"name": "tests.execute", "arguments": {}}},
    {"call": {"name": "finish", "arguments": {"summary": "It adds now."}}},
]


@pytest.fixture(scope="module")
def misled() -> Iterator[Stage]:
    """An installation whose model does as it was told by a stranger."""
    with ScriptedServer(parse(SCRIPT)) as server:
        settings = {
            "JOURNEYMAN_MODEL_URL": server.url,
            "JOURNEYMAN_MODEL_API": "openai",
            "JOURNEYMAN_MODEL": "scripted",
            "JOURNEYMAN_ENGINES": "false",
        }
        with Stage(settings, seconds=SECONDS) as stage:
            yield stage


def test_a_patch_that_touches_workflows_is_refused(misled: Stage) -> None:
    town = Town(misled.scene("workflows", CALC))
    town.say(town.issue(), "/agent fix")
    run = town.ended("failed")
    assert run.failed is not None
    assert run.failed.code == "patch_refused"
    assert ".github/workflows/steal.yml is protected" in town.status(run)
    assert [refused.tool for refused in run.refused_tools] == ["files.write"], "the tools know the policy's paths"
    nothing_came_of_it(town)


def nothing_came_of_it(town: Town) -> None:
    facts = [f.decode(one.kind, one.body) for one in town.stage.store.ledger.read(town.run.id)]
    reasons = [fact.reason for fact in facts if isinstance(fact, f.PatchRefused | f.TaskFailed)]
    assert any("steal.yml" in reason for reason in reasons), "the ledger names the path"
    assert not town.scene.changes()
    with town.stage.forge.world.lock:
        assert list(town.place.git.refs("refs/heads/")) == ["refs/heads/main"]
    town.sound()


EVIL = b"""\
diff --git a/.GitHub/workflows/steal.yml b/.GitHub/workflows/steal.yml
new file mode 100644
--- /dev/null
+++ b/.GitHub/workflows/steal.yml
@@ -0,0 +1 @@
+on: push
"""


def test_an_agent_zone_in_foreign_hands_cannot_publish_what_is_protected(town: Town) -> None:
    """The agent zone has its own key and the database, and writes its results without any agent."""
    issue = town.issue()
    town.say(issue, "/agent plan")
    run = town.until(lambda run: run.state == "planned", "a plan")
    assert run.planned is not None
    town.settle()
    taken = open_store(load(town.stage.environ), Zone.AGENT)
    try:
        task = run.planned.plan.graph.tasks[0].id
        evidence: dict[str, str | int | float] = {"test_before": "failed", "test_after": "passed"}
        book = RunBook(taken.ledger, taken.time, run.id, cause="somebody else")
        book.record(f.TaskDone(task, 1, taken.artifacts.put(EVIL), evidence))
        with pytest.raises(LedgerError, match="may not sign PlanApproved"):
            book.write(f.PlanApproved(run.planned.digest, "lee", "admin"))
    finally:
        taken.database.close()
    town.settle()
    assert town.run.state == "planned"
    assert not town.scene.changes()
    town.say(issue, f"/agent approve {run.planned.digest}", "lee")
    run = town.ended("failed")
    assert run.failed is not None
    assert run.failed.code == "patch_refused"
    assert "steal.yml is protected" in town.status(run)
    nothing_came_of_it(town)
