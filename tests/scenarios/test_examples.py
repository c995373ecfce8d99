"""GitHub's own 181 example bodies, signed and posted to the real receiver: nothing crashes, and nothing is lost."""

import gzip
import json
from pathlib import Path

import pytest

from bot.adapters.audit_files import verify_database
from bot.domain.facts import Handled, decode
from tests.scenarios.test_answers import headers, post
from tests.world import CALC, Town
from workers.demo.stage import Stage

EXAMPLES = Path(__file__).parents[3] / "shared" / "specs" / "github-webhook-examples.json.gz"


@pytest.mark.skipif(not EXAMPLES.exists(), reason="../shared/specs is not there")
@pytest.mark.timeout(400)
def test_every_example_has_one_outcome(github: Stage) -> None:
    stage = github
    town = Town(stage.scene("examples", CALC))
    with gzip.open(EXAMPLES) as file:
        bodies = [(kind["name"], example) for kind in json.load(file) for example in kind["examples"]]
    assert len(bodies) == 181
    accepted: list[str] = []
    for name, example in bodies:
        body = json.dumps(example).encode()
        given = headers(stage, body, name)
        answer = post(stage, body, given)
        assert answer.status_code in (200, 202), (name, answer.text)
        if answer.status_code == 202:
            accepted.append(given["X-GitHub-Delivery"])
    assert len(accepted) > 10
    ledger = stage.store.ledger

    def outcomes(delivery: str) -> list[Handled]:
        facts = [decode(one.kind, one.body) for one in ledger.read(f"delivery:{delivery}")]
        return [fact for fact in facts if isinstance(fact, Handled)]

    town.eventually(lambda: all(outcomes(one) for one in accepted), "every example to be handled")
    for one in accepted:
        (handled,) = outcomes(one)
        assert handled.outcome in ("ignored", "failed"), handled
        assert "Traceback" not in handled.reason
    assert stage.store.jobs.counts()["dead"] == 0
    report = verify_database(stage.store.database, stage.store.keys.verify)
    assert report.problem is None
