"""Take in a delivery: stored, recorded and wished for in one transaction. Works while Redis is down."""

from dataclasses import dataclass
from typing import Literal

from bot.domain.events import Delivery, ForgeEvent, Ignored, Pinged
from bot.ports import Job, Ledger, Queue


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
    jobs = [Job("deliver", delivery.id)]
    if not ledger.receive(delivery, jobs):
        return Receipt("known", "this delivery was received before")
    queue.send(jobs)
    return Receipt("accepted", f"delivery {delivery.id}")
