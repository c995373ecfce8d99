"""The durable jobs in SQL. Every change is one compare-and-set statement, so any number of processes may race.

States: `waiting` (due at `due`), `leased` (until `until`; `again` when it was wished for meanwhile), `done`, `dead`.
Rows of done jobs stay, so that the fence of a job never repeats. A leased job that is `dying` is only to be buried.

Since the last good end: `attempts` counts claims, `failures` those that failed through us, `silent` the last claims in
a row of which nobody reported an end.

Jobs of one `lane` are claimed one at a time, by rising `place`: see `_its_turn`.
"""

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Row, Update, and_, case, exists, func, null, or_, select, update

from bot.adapters.database import Database, insert
from bot.adapters.schema import jobs
from bot.domain.errors import LeaseLost
from bot.ports import Job, Lease, Place, Time
from bot.services.chain import clean


def column_text(text: str) -> str:
    """Return text that a column of either database takes (PostgreSQL has no NUL)."""
    return clean(text).replace("\0", "\N{REPLACEMENT CHARACTER}")


_UNTRIED = {"attempts": 0, "failures": 0, "silent": 0, "dying": 0}
_JOB: tuple[ColumnElement[Any], ...] = (jobs.c.name, jobs.c.key, jobs.c.due)
BURIAL = 60.0
"""Seconds to record the end of a job that died, before somebody else does."""


def wish_in(connection: Connection, wished: Sequence[Job], now: float) -> None:
    """Add jobs within a transaction that is open already.

    A waiting job may become due earlier by it, never later, and a failed one keeps its pause. A leased job runs once
    more after its lease. A done or dead job begins anew.
    """
    earliest: dict[tuple[str, str], float] = {}
    places: dict[tuple[str, str], Place | None] = {}
    for job in wished:
        identity = (job.name, column_text(job.key))
        due = now if job.due is None else job.due
        earliest[identity] = min(due, earliest.get(identity, due))
        places.setdefault(identity, job.place)
    for (kind, key), due in sorted(earliest.items()):  # one order everywhere, or PostgreSQL deadlocks
        connection.execute(_wish(connection, kind, key, due, places[kind, key]))


def _wish(connection: Connection, name: str, key: str, due: float, place: Place | None) -> Any:
    lane, number = (column_text(place.lane), place.number) if place is not None else (None, None)
    fresh = insert(connection, jobs).values(
        name=name, key=key, state="waiting", due=due, fence=0, reason="", lane=lane, place=number, **_UNTRIED
    )
    over = jobs.c.state.in_(("done", "dead"))
    leased = jobs.c.state == "leased"
    sooner = and_(jobs.c.state == "waiting", jobs.c.attempts == 0, jobs.c.due > due)
    later = and_(leased, or_(jobs.c.again.is_(None), jobs.c.again > due))
    return fresh.on_conflict_do_update(
        index_elements=[jobs.c.name, jobs.c.key],
        set_={
            "state": case((over, "waiting"), else_=jobs.c.state),
            "due": case((or_(over, sooner), due), else_=jobs.c.due),
            "sent": case((or_(over, sooner), null()), else_=jobs.c.sent),
            "again": case((later, due), else_=jobs.c.again),
            **{name: case((over, 0), else_=jobs.c[name]) for name in _UNTRIED},
        },
        # A wish for a job that waits already writes nothing, so it takes no lock that others wait for.
        where=or_(over, sooner, later),
    )


class SqlJobs:
    """Jobs behind Celery, in the same database as the ledger."""

    def __init__(self, database: Database, time: Time) -> None:
        self._database = database
        self._time = time

    def claim(self, name: str, key: str, *, seconds: float) -> Lease | None:
        """Take a due, unleased job for `seconds`, counting the attempt first; None when there is nothing to take.

        Nothing is to be taken either while it is another's turn in the job's lane. The job of a worker that died is
        taken over when its lease has run out. Nobody called `fail` for it, so look at `Lease.silent` and call `fail` at
        once when it is past the limit; and at `Lease.dying`.
        """
        now = self._time.now()
        key = column_text(key)
        statement = (
            update(jobs)
            .where(jobs.c.name == name, jobs.c.key == key, _takeable(now), _its_turn())
            .values(
                state="leased",
                until=now + seconds,
                fence=jobs.c.fence + 1,
                attempts=jobs.c.attempts + 1,
                silent=jobs.c.silent + 1,
                sent=None,
                again=case((jobs.c.again > now, jobs.c.again), else_=null()),  # this claim serves the wishes till now
            )
            .returning(jobs.c.fence, jobs.c.attempts, jobs.c.silent, jobs.c.dying, jobs.c.reason)
        )

        def work(connection: Connection) -> Any:
            _lock_lane(connection, name, key)
            return connection.execute(statement).one_or_none()

        row = self._database.write(work)
        if row is None:
            return None
        return Lease(name, key, row.fence, row.attempts, row.silent, row.reason if row.dying else None)

    def renew(self, lease: Lease, *, seconds: float) -> None:
        """Prolong a lease by compare-and-set; raises LeaseLost when somebody else has the job, or it has ended."""
        statement = update(jobs).where(_held(lease)).values(until=self._time.now() + seconds)
        if not self._database.write(lambda connection: connection.execute(statement).rowcount):
            raise LeaseLost(f"the job {lease.name} {lease.key} was taken over (fence {lease.fence}): write nothing")

    def finish(self, lease: Lease, *, again: float | None = None) -> list[Job]:
        """End a claim: the job is done, or due again at `again`, or when it was wished for meanwhile.

        The earlier of the two counts. Resets the attempts, and returns the job of its lane whose turn it is now. A lost
        lease is ignored.
        """
        due: ColumnElement[float] | Any = jobs.c.again
        if again is not None:
            due = case((jobs.c.again < again, jobs.c.again), else_=again)
        over = jobs.c.again.is_(None) if again is None else null().is_not(None)
        statement = (
            update(jobs)
            .where(_held(lease))
            .values(
                state=case((over, "done"), else_="waiting"),
                due=func.coalesce(due, jobs.c.due),
                until=None,
                again=None,
                sent=None,
                reason="",
                **_UNTRIED,
            )
        )
        return self._end(statement)

    def fail(self, lease: Lease, reason: str, *, retry_at: float, dead_after: int, ours: bool = True) -> bool:
        """Record a failed attempt; the job is due again at `retry_at`, or dies (True): say `buried` then.

        It dies after `dead_after` failures of ours; one of the outside world (not `ours`) counts all attempts instead.
        A wish made meanwhile waits for the retry and saves no job from death: most are the job's own. A lost lease is
        ignored (False).
        """
        failures = jobs.c.failures + int(ours)
        spent = (failures if ours else jobs.c.attempts) >= dead_after
        statement = (
            update(jobs)
            .where(_held(lease))
            .values(
                state=case((spent, "leased"), else_="waiting"),
                due=retry_at,
                until=case((spent, self._time.now() + BURIAL), else_=null()),
                again=None,
                sent=None,
                reason=column_text(reason)[:2000],
                failures=failures,
                silent=0,
                dying=case((spent, 1), else_=0),
            )
            .returning(jobs.c.dying)
        )
        return bool(self._database.write(lambda connection: connection.execute(statement).scalar_one_or_none()))

    def buried(self, lease: Lease) -> list[Job]:
        """End a dying job, whose end is recorded. It begins anew when it was wished for meanwhile, as a dead one would.

        Returns the job of its lane whose turn it is now. A lost lease is ignored.
        """
        wished = jobs.c.again.is_not(None)
        values = {name: case((wished, 0), else_=jobs.c[name]) for name in _UNTRIED if name != "dying"}
        statement = (
            update(jobs)
            .where(_held(lease), jobs.c.dying == 1)
            .values(
                state=case((wished, "waiting"), else_="dead"),
                due=func.coalesce(jobs.c.again, jobs.c.due),
                until=None,
                again=None,
                sent=None,
                dying=0,
                **values,
            )
        )
        return self._end(statement)

    def _end(self, statement: Update) -> list[Job]:
        """Execute the end of a claim; return the job of its lane whose turn it is now."""
        now = self._time.now()

        def work(connection: Connection) -> list[Job]:
            lane = connection.execute(statement.returning(jobs.c.lane)).scalar_one_or_none()
            if lane is None:
                return []
            query = select(*_JOB).where(jobs.c.lane == lane, _takeable(now), _its_turn()).limit(1)
            return [_job(row) for row in connection.execute(query)]

        return self._database.write(work)

    def overtakers(self, name: str, key: str) -> list[str]:
        """Return the keys of jobs of this name that come after this one in its lane, but were begun already.

        They are there when this job was wished for after that.
        """
        mine = jobs.alias("mine")
        query = (
            select(jobs.c.key)
            .join(mine, and_(jobs.c.lane == mine.c.lane, jobs.c.place > mine.c.place))
            .where(mine.c.name == name, mine.c.key == column_text(key), jobs.c.name == name, jobs.c.fence > 0)
            .order_by(jobs.c.place, jobs.c.key)
        )
        return list(self._database.read(lambda connection: connection.execute(query).scalars().all()))

    def wish(self, jobs: Sequence[Job]) -> None:
        """Add jobs outside any append; the rules are those of `wish_in`."""
        now = self._time.now()
        self._database.write(lambda connection: wish_in(connection, jobs, now))

    def due(self, *, limit: int, resend_after: float) -> list[Job]:
        """Return jobs that should be sent (again) now, the longest due first, and mark them as sent."""
        now = self._time.now()
        query = (
            select(*_JOB)
            .where(_takeable(now), _its_turn(), or_(jobs.c.sent.is_(None), jobs.c.sent <= now - resend_after))
            .order_by(jobs.c.due)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )

        def work(connection: Connection) -> list[Job]:
            found = [_job(row) for row in connection.execute(query)]
            for job in found:
                mine = and_(jobs.c.name == job.name, jobs.c.key == job.key)
                connection.execute(update(jobs).where(mine).values(sent=now))
            return found

        return self._database.write(work)

    def counts(self) -> dict[str, int]:
        """Return how many jobs are waiting, leased and dead."""
        query = select(jobs.c.state, func.count()).where(jobs.c.state != "done").group_by(jobs.c.state)
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return {"waiting": 0, "leased": 0, "dead": 0} | {cast(str, state): count for state, count in rows}


def _job(row: Row[Any]) -> Job:
    return Job(row.name, row.key, row.due)


def _takeable(now: float) -> ColumnElement[bool]:
    return or_(
        and_(jobs.c.state == "waiting", jobs.c.due <= now),
        and_(jobs.c.state == "leased", jobs.c.until <= now),
    )


def _its_turn() -> ColumnElement[bool]:
    """Nobody is at work in the job's lane, and nobody waits before it. Who is dying waits for a burial only."""
    other = jobs.alias("other")
    before = and_(other.c.state == "waiting", other.c.place < jobs.c.place)
    at_work = and_(other.c.state == "leased", or_(other.c.name != jobs.c.name, other.c.key != jobs.c.key))
    return ~exists().where(other.c.lane == jobs.c.lane, other.c.dying == 0, or_(before, at_work))


def _lock_lane(connection: Connection, name: str, key: str) -> None:
    """Let nobody else claim in the lane of this job until the transaction ends.

    Else two that claim different jobs of it on PostgreSQL would not see each other. One order, or they deadlock.
    """
    lane = select(jobs.c.lane).where(jobs.c.name == name, jobs.c.key == key).scalar_subquery()
    query = select(jobs.c.key).where(jobs.c.lane == lane, jobs.c.state.in_(("waiting", "leased")))
    connection.execute(query.order_by(jobs.c.place, jobs.c.name, jobs.c.key).with_for_update())


def _held(lease: Lease) -> ColumnElement[bool]:
    return and_(
        jobs.c.name == lease.name,
        jobs.c.key == lease.key,
        jobs.c.state == "leased",
        jobs.c.fence == lease.fence,
    )
