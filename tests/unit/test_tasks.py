"""The broker's jobs on the real database: what is no delivery is not obeyed, and its end spoils nothing."""

from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from celery import Celery
from sqlalchemy import insert

from bot.adapters.audit_files import verify_database
from bot.adapters.queue import NoQueue
from bot.adapters.schema import inbox
from bot.bootstrap import BrokerZone, Store
from bot.domain.envelope import Zone
from bot.domain.events import Delivery
from bot.domain.facts import Handled
from bot.ports import Job
from bot.services.books import DeliveryBook
from bot.services.deps import Broker
from bot.services.work import DEAD_AFTER, Runner
from tests.builders import policy
from tests.contract.ledger_rig import Rig, installation
from workers.tasks import broker_tasks

BODY = b'{"action":"created"}'
FORGED = Delivery("d-9", "github", "issue_comment", sha256(BODY).hexdigest(), BODY)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with installation("sqlite", tmp_path) as made:
        yield made


def deliver(rig: Rig, delivery: str) -> None:
    """Work on a delivery until its job is over, in a broker that knows no forge: touching one is an error."""
    ledger, queue = rig.ledger(), NoQueue()
    deps = Broker(
        ledger=ledger,
        jobs=rig.jobs,
        artifacts=rig.artifacts,
        git=None,  # type: ignore[arg-type]
        forges={},
        time=rig.time,
        policies=lambda _name: policy(),
        policy_name="default",
        author=("a", "b"),
        poll_seconds=60,
        chat=None,
    )
    store = Store(rig.database, ledger, rig.jobs, rig.artifacts, rig.memo, rig.keys_of(Zone.BROKER), rig.time)
    runner = Runner(rig.jobs, queue, rig.time, 20, lambda _event, **_fields: None)
    with closing(Celery(set_as_current=False)) as app:
        broker_tasks(app, BrokerZone(deps, store, queue, runner, 10))
        for _ in range(DEAD_AFTER):
            app.tasks["journeyman.deliver"](delivery)
            rig.time.wall += 64


def test_a_forged_delivery_is_not_obeyed_and_its_end_writes_nothing(rig: Rig) -> None:
    row = {"id": "d-9", "forge": "github", "name": "issue_comment", "digest": FORGED.digest, "body": BODY}
    rig.database.write(lambda connection: connection.execute(insert(inbox).values(received=1.0, **row)))
    rig.jobs.wish([Job("deliver", "d-9")])
    deliver(rig, "d-9")
    assert rig.jobs.counts() == {"waiting": 0, "leased": 0, "dead": 1}
    assert rig.streams() == []


def test_a_job_for_no_delivery_ends_without_a_word_in_the_ledger(rig: Rig) -> None:
    rig.jobs.wish([Job("deliver", "d-9")])
    deliver(rig, "d-9")
    assert rig.jobs.counts()["dead"] == 1
    assert verify_database(rig.database, rig.keys_of(Zone.BROKER).verify).ok


def test_a_delivery_that_cannot_be_handled_has_that_as_its_outcome(rig: Rig) -> None:
    body = b'{"action":"created","issue":1}'
    odd = Delivery("d-1", "nowhere", "issue_comment", sha256(body).hexdigest(), body)
    assert rig.ledger(Zone.RECEIVER).receive(odd, [Job("deliver", "d-1")])
    deliver(rig, "d-1")
    handled = DeliveryBook(rig.ledger(), "d-1").handled
    assert isinstance(handled, Handled)
    assert handled.outcome == "failed"
    assert verify_database(rig.database, rig.keys_of(Zone.BROKER).verify).ok
