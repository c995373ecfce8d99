"""Take in a delivery: stored, recorded and wished for in one transaction. Works while Redis is down."""

from dataclasses import dataclass
from typing import Literal

from bot.domain.change import Subject
from bot.domain.commands import parse
from bot.domain.events import Commented, Delivery, ForgeEvent, Ignored, IssueMoved, Pinged, Pushed
from bot.ports import Job, Ledger, Place, Queue


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a delivery at the door."""

    outcome: Literal["accepted", "known", "uninteresting"]
    reason: str


def receive(ledger: Ledger, queue: Queue, delivery: Delivery, event: ForgeEvent) -> Receipt:
    """Store an authentic delivery of interest and wake the broker.

    Deliveries of no interest are not stored: an organisation sends thousands of them, and they have no effect.
    """
    dull = _dull(event)
    if dull is not None:
        return Receipt("uninteresting", dull)
    jobs = [Job("deliver", delivery.id, place=_place(ledger, event))]
    if not ledger.receive(delivery, jobs):
        return Receipt("known", "this delivery was received before")
    queue.send(jobs)
    return Receipt("accepted", f"delivery {delivery.id}")


def _dull(event: ForgeEvent) -> str | None:
    """Say why an event has no effect whatever stands in the ledger; None when it may have one."""
    match event:
        case Ignored(reason):
            return reason
        case Pinged():
            return "the hook works"
        case Commented(text=text) if parse(text) is None:
            return "a comment without a command"
        case IssueMoved():
            return "runs begin with a command"
        case Pushed():
            return "no run depends on a push: a change's own head is told by the change"
        case _:
            return None


def _place(ledger: Ledger, event: ForgeEvent) -> Place | None:
    """Return the place of a command: commands on one issue and its change are obeyed in the order they were written in.

    The ids of comments rise with time. All else may be handled in any order: it only says that something moved.
    """
    if not isinstance(event, Commented) or parse(event.text) is None:
        return None
    subject = event.subject
    if subject.kind == "change":
        rows = ledger.runs(repo=str(subject.repo), change=subject.number, limit=1)
        subject = next((Subject(subject.repo, "issue", row.issue) for row in rows), subject)
    return Place(f"{subject.repo} {subject.kind} {subject.number}", event.comment)
