"""Taking deliveries in: commands get their place in the order in which they were written, all else has none."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.adapters.queue import NoQueue
from bot.adapters.schema import jobs
from bot.domain.change import Subject
from bot.domain.envelope import Zone
from bot.domain.events import ChangeMoved, Commented, Delivery, ForgeEvent, Ignored, IssueMoved, Pinged, Pushed
from bot.domain.facts import Requested
from bot.ports import RunRow
from bot.services.receive import Receipt, receive
from tests.builders import HEAD, REPO, RUN, intent
from tests.contract.ledger_rig import Rig, installation


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with installation("sqlite", tmp_path) as made:
        yield made


def comment(number: int = 7, text: str = "/agent fix", *, is_change: bool = False) -> Commented:
    return Commented(Subject(REPO, "change" if is_change else "issue", number), 11, "alice", False, text)


def received(rig: Rig, event: ForgeEvent) -> Receipt:
    delivery = Delivery("d-1", "github", "issue_comment", sha256(b"{}").hexdigest(), b"{}")
    return receive(rig.ledger(Zone.RECEIVER), NoQueue(), delivery, event)


def place(rig: Rig) -> Any:
    query = select(jobs.c.lane, jobs.c.place).where(jobs.c.key == "d-1")
    return tuple(rig.database.read(lambda connection: connection.execute(query).one()))


def with_a_change(rig: Rig) -> None:
    row = RunRow(RUN, str(REPO), 7, 8, "waiting", 1, 1.0, HEAD)
    rig.ledger().append(RUN, [Requested(intent())], expect=0, cause="d-0", row=row)


def test_a_command_has_its_place_among_those_on_its_issue(rig: Rig) -> None:
    assert received(rig, comment()).outcome == "accepted"
    assert place(rig) == ("github:octo/calc issue 7", 11)


def test_a_command_on_the_change_of_a_run_has_its_place_among_those_on_the_issue(rig: Rig) -> None:
    with_a_change(rig)
    received(rig, comment(8, "/agent stop", is_change=True))
    assert place(rig) == ("github:octo/calc issue 7", 11)


def test_a_command_on_another_change_is_of_no_issue(rig: Rig) -> None:
    with_a_change(rig)
    received(rig, comment(7, is_change=True))  # some forges number changes apart from issues
    assert place(rig) == ("github:octo/calc change 7", 11)


def test_what_is_no_command_is_handled_in_any_order(rig: Rig) -> None:
    received(rig, ChangeMoved(REPO, 8, "pushed", HEAD, "alice"))
    assert place(rig) == (None, None)


@pytest.mark.parametrize(
    "event",
    [
        comment(text="I would say /agent fix"),
        IssueMoved(REPO, 7, "opened", "alice"),
        Pushed(REPO, "main", HEAD, "alice"),
        Pinged(),
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_has_no_effect_whatever_the_ledger_says_is_not_stored(rig: Rig, event: ForgeEvent) -> None:
    assert received(rig, event).outcome == "uninteresting"
    assert rig.jobs.counts()["waiting"] == 0


def test_what_is_of_no_interest_makes_no_job(rig: Rig) -> None:
    assert received(rig, Ignored("why not")) == Receipt("uninteresting", "why not")
    assert rig.jobs.counts()["waiting"] == 0
