"""Take in a delivery: stored, recorded and wished for in one transaction. Works while Redis is down."""

from dataclasses import dataclass
from typing import Literal

from bot.domain.commands import parse
from bot.domain.events import Commented, Delivery, ForgeEvent, Ignored, Pinged
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
    if isinstance(event, Ignored):
        return Receipt("uninteresting", event.reason)
    if isinstance(event, Pinged):
        return Receipt("uninteresting", "the hook works")
    jobs = [Job("deliver", delivery.id, place=_place(ledger, event))]
    if not ledger.receive(delivery, jobs):
        return Receipt("known", "this delivery was received before")
    queue.send(jobs)
    return Receipt("accepted", f"delivery {delivery.id}")


def _place(ledger: Ledger, event: ForgeEvent) -> Place | None:
    """Return the place of a command: commands on one issue and its change are obeyed in the order they were written in.

    The ids of comments rise with time. All else may be handled in any order: it only says that something moved.
    """
    if not isinstance(event, Commented) or parse(event.text) is None:
        return None
    issue: int | None = event.number
    if event.is_change:
        rows = ledger.runs(repo=str(event.repo), number=event.number)
        issue = next((row.issue for row in rows if row.change == event.number), None)
    subject = f"change {event.number}" if issue is None else f"issue {issue}"
    return Place(f"{event.repo} {subject}", event.comment)
