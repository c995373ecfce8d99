"""The broker's Celery jobs: an id and one call each.

What a job does is in the services; that it is done once is in the database.
"""

from collections.abc import Callable, Sequence

from celery import Celery

from bot.bootstrap import BrokerZone
from bot.domain.facts import Failed, Handled
from bot.forges.registry import event_of
from bot.ports import Job
from bot.services.advance import advance
from bot.services.books import DeliveryBook, Performer, RunBook
from bot.services.dispatch import Dispatch
from bot.services.reconcile import reconcile
from bot.services.work import Done, sweep

Renew = Callable[[], None]
Buried = Callable[[str], Sequence[Job]]


def broker_tasks(app: Celery, zone: BrokerZone) -> None:
    """Register the broker's jobs."""

    @app.task(name="journeyman.deliver", shared=False)  # type: ignore[untyped-decorator]
    def deliver(delivery: str) -> None:
        zone.runner.run(
            "deliver", delivery, lambda renew: _deliver(zone, delivery, renew), _undelivered(zone, delivery)
        )

    @app.task(name="journeyman.advance", shared=False)  # type: ignore[untyped-decorator]
    def advance_(run: str) -> None:
        zone.runner.run("advance", run, lambda renew: _advance(zone, run, renew), _stuck(zone, run))

    @app.task(name="journeyman.reconcile", shared=False)  # type: ignore[untyped-decorator]
    def reconcile_(*parts: str) -> None:
        repo = "/".join(parts)
        zone.runner.run("reconcile", repo, lambda _: _reconcile(zone, repo), lambda _: ())

    @app.task(name="journeyman.sweep", shared=False)  # type: ignore[untyped-decorator]
    def sweep_() -> None:
        sweep(zone.store.jobs, zone.queue, resend_after=zone.resend_seconds)


def _deliver(zone: BrokerZone, delivery_id: str, renew: Renew) -> Done:
    delivery = zone.deps.ledger.delivery(delivery_id)
    outcome = Dispatch(zone.deps, delivery, Performer(renew)).handle(event_of(delivery))
    return Done(outcome.jobs)


def _reconcile(zone: BrokerZone, repo: str) -> Done:
    done = reconcile(zone.deps, repo)
    if done.asked or done.refused:
        zone.runner.log("reconciled", repo=repo, asked_again=done.asked, refused=done.refused)
    return Done(again=done.again)


def _undelivered(zone: BrokerZone, delivery: str) -> Buried:
    def bury(reason: str) -> list[Job]:
        book = DeliveryBook(zone.deps.ledger, delivery)
        if book.received is not None:  # else it is no delivery, and an outcome would spoil the audit for good
            book.record(Handled(delivery, "failed", reason[:1000]))
        return []

    return bury


def _advance(zone: BrokerZone, run: str, renew: Renew) -> Done:
    advanced = advance(zone.deps, run, renew)
    return Done(advanced.jobs, advanced.again)


def _stuck(zone: BrokerZone, run: str) -> Buried:
    def bury(reason: str) -> list[Job]:
        book = RunBook(zone.deps.ledger, zone.deps.time, run, cause="worker")
        if book.run.terminal:
            return []
        book.record(Failed("internal", f"a step failed again and again: {reason}"[:1000]))
        return book.wished

    return bury
