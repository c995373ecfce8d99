"""Working on durable jobs, with the real table of jobs: leases, retries, and ends that are never lost."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from bot.adapters.jobs_sql import BURIAL, SqlJobs
from bot.adapters.schema import jobs as table
from bot.domain.errors import Conflict, Denied, LeaseLost, LedgerError, Unavailable
from bot.ports import Job, Lease, Place
from bot.services.work import (
    DEAD_AFTER,
    HASTY_RACES,
    LONGEST_RETRY_AFTER,
    LONGEST_WAIT,
    PATIENT_DEAD_AFTER,
    Done,
    Runner,
    sweep,
)
from tests.contract.ledger_rig import Rig, installation

NEXT = Job("execute", "run-1/repair/1")
Renew = Callable[[], None]


class ListQueue:
    """A wake-up channel that keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[Job] = []

    def send(self, jobs: Iterable[Job]) -> bool:
        self.sent += jobs
        return True


class Bench:
    """One worker at its table."""

    def __init__(self, rig: Rig, jobs: SqlJobs | None = None, seconds: float = 20.0) -> None:
        self.rig, self.queue = rig, ListQueue()
        self.log: list[str] = []
        self.buried: list[str] = []
        self.jobs = jobs or rig.jobs
        self.runner = Runner(self.jobs, self.queue, rig.time, seconds, lambda event, **_: self.log.append(event))

    def run(self, work: Callable[[Renew], Done]) -> None:
        self.runner.run("advance", "run-1", work, self.bury)

    def bury(self, reason: str) -> Sequence[Job]:
        self.buried.append(reason)
        return [NEXT]

    def fail(self, error: Exception) -> None:
        """Run the job once, with work that ends in this error."""

        def work(_renew: Renew) -> Done:
            raise error

        self.run(work)

    def row(self) -> Any:
        query = select(table).where(table.c.key == "run-1")
        return self.rig.database.read(lambda connection: connection.execute(query).one())

    @property
    def pause(self) -> float:
        """The seconds until the job is due."""
        return float(self.row().due - self.rig.time.wall)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with installation("sqlite", tmp_path) as made:
        made.jobs.wish([Job("advance", "run-1")])
        yield made


@pytest.fixture
def bench(rig: Rig) -> Bench:
    return Bench(rig)


def nothing(_renew: Renew) -> Done:
    return Done()


# --- the good ends
def test_done_is_done_and_what_follows_is_sent(bench: Bench) -> None:
    bench.run(lambda _renew: Done([NEXT]))
    assert bench.queue.sent == [NEXT]
    assert bench.row().state == "done"
    assert (bench.buried, bench.log) == ([], [])


def test_nothing_to_claim_is_nothing_to_do(bench: Bench) -> None:
    bench.run(nothing)
    bench.run(lambda _renew: Done([NEXT]))
    bench.runner.run("advance", "nobody", lambda _renew: Done([NEXT]), bench.bury)
    assert bench.queue.sent == []


def test_work_can_ask_to_be_done_again(bench: Bench) -> None:
    bench.run(lambda _renew: Done(again=bench.rig.time.wall + 60))
    assert bench.row().state == "waiting"
    assert bench.pause == 60
    bench.run(lambda _renew: Done([NEXT]))
    assert bench.queue.sent == []
    bench.rig.time.wall += 60
    bench.run(lambda _renew: Done([NEXT]))
    assert bench.queue.sent == [NEXT]


def test_a_wish_during_the_work_makes_it_run_once_more(bench: Bench) -> None:
    def work(_renew: Renew) -> Done:
        bench.jobs.wish([Job("advance", "run-1")])
        return Done()

    bench.run(work)
    assert bench.row().state == "waiting"
    bench.run(nothing)
    assert bench.row().state == "done"


def test_only_one_worker_has_a_job(bench: Bench) -> None:
    def work(_renew: Renew) -> Done:
        bench.run(lambda _renew: Done([NEXT]))
        return Done()

    bench.run(work)
    assert bench.queue.sent == []


# --- the outside world
@pytest.mark.parametrize(
    ("retry_after", "pause"),
    [(None, 2.0), (0.0, 0.0), (7.0, 7.0), (-5.0, 0.0), (3600.0, 3600.0), (1e9, LONGEST_RETRY_AFTER)],
)
def test_an_outage_is_waited_out_as_long_as_the_forge_asks(
    bench: Bench, retry_after: float | None, pause: float
) -> None:
    bench.fail(Unavailable("gone", retry_after))
    assert bench.row().state == "waiting"
    assert bench.pause == pause
    assert bench.log == ["unavailable"]


def test_pauses_grow_to_a_minute_or_so(bench: Bench) -> None:
    pauses = []
    for _ in range(8):
        bench.fail(Unavailable("gone"))
        pauses.append(bench.pause)
        bench.rig.time.wall += bench.pause
    assert pauses == [2, 4, 8, 16, 32, 64, 64, 64]
    assert bench.buried == []


def test_success_forgets_the_failures(bench: Bench) -> None:
    bench.fail(Unavailable("gone"))
    bench.rig.time.wall += 2
    bench.run(lambda _renew: Done(again=bench.rig.time.wall))
    assert bench.row().attempts == 0


def test_an_outage_ends_some_day(bench: Bench) -> None:
    attempted(bench.rig, PATIENT_DEAD_AFTER - 1)
    bench.fail(Unavailable("gone for good"))
    assert bench.row().state == "dead"
    assert bench.buried == ["gone for good"]


def test_who_lost_a_race_looks_again_at_once(bench: Bench) -> None:
    for _ in range(DEAD_AFTER + 3):
        bench.fail(Conflict("somebody else"))
        assert bench.pause == 0
    assert bench.queue.sent == [Job("advance", "run-1")] * (DEAD_AFTER + 3)
    assert bench.buried == []
    bench.run(nothing)
    assert bench.row().state == "done"


def test_races_that_never_end_are_slowed_down_and_end(bench: Bench) -> None:
    attempted(bench.rig, HASTY_RACES)
    bench.fail(Conflict("somebody else"))
    assert (bench.pause, bench.queue.sent) == (1, [])
    attempted(bench.rig, PATIENT_DEAD_AFTER - 1)
    bench.rig.time.wall += 1
    bench.fail(Conflict("somebody else"))
    assert (bench.row().state, bench.buried) == ("dead", ["somebody else"])


# --- ends
@pytest.mark.parametrize(
    ("error", "word", "reason"),
    [(Denied("no"), "failed", "no"), (ZeroDivisionError("bug"), "crashed", "ZeroDivisionError: bug")],
)
def test_what_fails_again_and_again_is_buried_once(bench: Bench, error: Exception, word: str, reason: str) -> None:
    for _ in range(DEAD_AFTER):
        assert bench.buried == []
        bench.fail(error)
        bench.rig.time.wall += 64
    assert bench.row().state == "dead"
    assert bench.buried == [reason]
    assert bench.queue.sent == [NEXT]
    assert bench.log == [word] * DEAD_AFTER + ["dead"]
    bench.fail(error)
    assert bench.buried == [reason]


def test_an_end_that_cannot_be_recorded_is_recorded_later(bench: Bench) -> None:
    def broken(_reason: str) -> Sequence[Job]:
        raise LedgerError("the disk is full")

    def work(_renew: Renew) -> Done:
        raise ZeroDivisionError

    for _ in range(DEAD_AFTER):
        bench.runner.run("advance", "run-1", work, broken)
        bench.rig.time.wall += 64
    bench.rig.time.wall -= 64
    assert bench.log[-2:] == ["dead", "not buried"]
    for _ in range(2):
        bench.rig.time.wall += LONGEST_WAIT - 1
        bench.run(lambda _renew: pytest.fail("it was worked on"))
        assert bench.buried == []
        bench.rig.time.wall += 1
        bench.runner.run("advance", "run-1", work, broken)
    bench.rig.time.wall += LONGEST_WAIT
    bench.run(lambda _renew: pytest.fail("it was worked on"))
    assert bench.buried == ["ZeroDivisionError: "]
    assert bench.row().state == "dead"


def attempted(rig: Rig, times: int) -> None:
    """Pretend that the job was claimed so often."""
    rig.database.write(lambda connection: connection.execute(update(table).values(attempts=times)))


def killed(bench: Bench) -> None:
    """Claim the job and never say a word again."""
    assert bench.jobs.claim("advance", "run-1", seconds=1) is not None
    bench.rig.time.wall += 1


def test_a_job_that_kills_its_workers_is_not_taken_over_for_ever(bench: Bench) -> None:
    for _ in range(DEAD_AFTER):
        killed(bench)
    bench.run(lambda _renew: pytest.fail("it was worked on"))
    assert bench.row().state == "dead"
    assert bench.buried == [f"its worker vanished {DEAD_AFTER} times in a row"]
    assert bench.queue.sent == [NEXT]


def test_workers_that_vanish_now_and_then_do_not_kill_the_job(bench: Bench) -> None:
    for _ in range(3):
        for _ in range(DEAD_AFTER - 1):
            killed(bench)
        bench.fail(Unavailable("gone", 0.0))
    assert (bench.row().state, bench.buried) == ("waiting", [])


def test_outages_do_not_use_up_the_patience_with_our_own_failures(bench: Bench) -> None:
    for _ in range(DEAD_AFTER * 2):
        bench.fail(Unavailable("gone", 0.0))
    for attempt in range(DEAD_AFTER):
        assert (bench.buried, bench.row().failures) == ([], attempt)
        bench.fail(Denied("no"))
        bench.rig.time.wall += 64
    assert bench.buried == ["no"]


def test_what_the_work_wishes_for_itself_does_not_save_it_from_death(bench: Bench) -> None:
    def work(_renew: Renew) -> Done:
        bench.jobs.wish([Job("advance", "run-1")])
        raise ZeroDivisionError

    for _ in range(DEAD_AFTER):
        bench.run(work)
        bench.rig.time.wall += 64
    assert bench.row().state == "dead"
    assert len(bench.buried) == 1


def test_what_the_burial_wishes_for_the_job_begins_it_anew(bench: Bench) -> None:
    def bury(_reason: str) -> Sequence[Job]:
        bench.jobs.wish([Job("advance", "run-1")])
        return [Job("advance", "run-1")]

    attempted(bench.rig, PATIENT_DEAD_AFTER)

    def work(_renew: Renew) -> Done:
        raise Unavailable("gone")

    bench.runner.run("advance", "run-1", work, bury)
    row = bench.row()
    assert (row.state, row.attempts, row.failures, row.silent, row.dying) == ("waiting", 0, 0, 0, 0)
    assert bench.queue.sent == [Job("advance", "run-1")]
    bench.run(nothing)
    assert bench.row().state == "done"


def test_an_end_is_recorded_though_the_worker_was_killed_before_it_was(bench: Bench) -> None:
    lease = bench.jobs.claim("advance", "run-1", seconds=1)
    assert lease is not None
    assert bench.jobs.fail(lease, "boom", retry_at=bench.rig.time.wall, dead_after=1)
    bench.run(lambda _renew: pytest.fail("somebody is at it"))
    bench.rig.time.wall += BURIAL
    assert sweep(bench.jobs, bench.queue, resend_after=1) == 1
    bench.run(lambda _renew: pytest.fail("it was worked on"))
    assert (bench.row().state, bench.buried) == ("dead", ["boom"])


# --- lanes
BEFORE, BEHIND = (Job("advance", key, place=Place("lane", number)) for number, key in enumerate(("first", "second")))


def test_the_next_of_a_lane_is_woken_when_the_one_before_is_done_or_buried(rig: Rig) -> None:
    bench = Bench(rig)
    rig.jobs.wish([BEHIND, BEFORE])
    bench.runner.run("advance", "second", lambda _renew: pytest.fail("it was not its turn"), bench.bury)
    bench.runner.run("advance", "first", lambda _renew: Done([NEXT]), bench.bury)
    assert [job.key for job in bench.queue.sent] == [NEXT.key, "second"]

    def work(_renew: Renew) -> Done:
        rig.jobs.wish([Job("advance", "third", place=Place("lane", 2))])
        raise ZeroDivisionError

    for _ in range(DEAD_AFTER):
        bench.runner.run("advance", "second", work, bench.bury)
        rig.time.wall += 64
    assert [job.key for job in bench.queue.sent[2:]] == [NEXT.key, "third"]


# --- leases
class Counted(SqlJobs):
    """The real table, which tells when a lease was renewed."""

    renewals: threading.Semaphore

    def renew(self, lease: Lease, *, seconds: float) -> None:
        super().renew(lease, seconds=seconds)
        self.renewals.release()


def test_a_heartbeat_keeps_the_lease_while_the_work_goes_on(rig: Rig) -> None:
    counted = Counted(rig.database, rig.time)
    counted.renewals = threading.Semaphore(0)
    bench = Bench(rig, counted, seconds=0.3)

    def work(_renew: Renew) -> Done:
        for _ in range(3):
            rig.time.wall += 0.2
            for _ in range(2):  # the first may have begun before the clock moved
                assert counted.renewals.acquire(timeout=10)
        assert rig.jobs.claim("advance", "run-1", seconds=1) is None
        return Done()

    bench.run(work)
    assert (bench.row().state, bench.log) == ("done", [])


def test_the_work_can_renew_its_lease_itself(rig: Rig) -> None:
    bench = Bench(rig, seconds=600)

    def work(renew: Renew) -> Done:
        rig.time.wall += 500
        renew()
        rig.time.wall += 500
        assert rig.jobs.claim("advance", "run-1", seconds=1) is None
        return Done()

    bench.run(work)
    assert bench.row().state == "done"


def test_who_lost_the_lease_stops_and_writes_nothing(rig: Rig) -> None:
    bench = Bench(rig, seconds=600)

    def work(renew: Renew) -> Done:
        rig.time.wall += 601
        assert rig.jobs.claim("advance", "run-1", seconds=600) is not None
        renew()
        pytest.fail("the lease was lost")

    bench.run(work)
    assert (bench.row().state, bench.row().fence) == ("leased", 2)
    assert bench.log == ["lease lost"]
    assert (bench.buried, bench.queue.sent) == ([], [])


def test_work_that_never_ends_is_given_to_somebody_else(rig: Rig) -> None:
    bench, lost = Bench(rig, seconds=0.3), threading.Event()
    bench.runner = replace(bench.runner, longest=0.0, log=lambda *_, **__: lost.set())

    def stuck(renew: Renew) -> Done:
        with pytest.raises(LeaseLost, match="took longer than 0 s"):
            renew()
        assert lost.wait(10)
        rig.time.wall += 1
        other = rig.jobs.claim("advance", "run-1", seconds=20)
        assert other is not None
        assert (other.fence, other.silent) == (2, 2)
        return Done()

    bench.run(stuck)
    assert bench.row().state == "leased"


def test_a_heartbeat_ends_when_the_lease_is_lost(rig: Rig) -> None:
    bench = Bench(rig, seconds=0.03)

    def work(_renew: Renew) -> Done:
        rig.time.wall += 1
        taken = rig.jobs.claim("advance", "run-1", seconds=600)
        if taken is not None:
            beat = next(thread for thread in threading.enumerate() if thread.name == "heartbeat")
            beat.join(timeout=10)
            assert not beat.is_alive()
        return Done([NEXT])

    bench.run(work)
    assert bench.log == []


class Hiccup(SqlJobs):
    """The real table behind a database that is away for the first renewal."""

    away: threading.Semaphore
    back: threading.Event

    def renew(self, lease: Lease, *, seconds: float) -> None:
        if self.away.acquire(blocking=False):
            raise LedgerError("the database is away")
        super().renew(lease, seconds=seconds)
        self.back.set()


def test_a_heartbeat_outlives_a_hiccup_of_the_database(rig: Rig) -> None:
    hiccup = Hiccup(rig.database, rig.time)
    hiccup.away, hiccup.back = threading.Semaphore(1), threading.Event()
    bench = Bench(rig, hiccup, seconds=0.03)

    def work(_renew: Renew) -> Done:
        assert hiccup.back.wait(timeout=10)
        return Done()

    bench.run(work)
    assert bench.log == ["heartbeat failed"]
    assert bench.row().state == "done"


def test_a_lost_lease_is_an_error_of_its_own(rig: Rig) -> None:
    with pytest.raises(LeaseLost, match="taken over"):
        rig.jobs.renew(Lease("advance", "run-1", 9, 1), seconds=1)


# --- the sweep
def test_the_sweep_sends_what_is_due_and_in_nobodys_hands(rig: Rig) -> None:
    queue = ListQueue()
    rig.jobs.wish([Job("execute", "later", rig.time.wall + 100), Job("execute", "busy")])
    assert rig.jobs.claim("execute", "busy", seconds=50) is not None
    assert sweep(rig.jobs, queue, resend_after=10) == 1
    assert sweep(rig.jobs, queue, resend_after=10) == 0
    assert [job.key for job in queue.sent] == ["run-1"]
    rig.time.wall += 11
    assert sweep(rig.jobs, queue, resend_after=10) == 1
    rig.time.wall += 89
    assert sweep(rig.jobs, queue, resend_after=10) == 3
    assert {job.key for job in queue.sent[-3:]} == {"run-1", "later", "busy"}


def test_the_sweep_sends_no_more_than_its_share(rig: Rig) -> None:
    queue = ListQueue()
    rig.jobs.wish([Job("execute", f"task-{number}") for number in range(10)])
    assert sweep(rig.jobs, queue, resend_after=10, limit=4) == 4
    assert sweep(rig.jobs, queue, resend_after=10, limit=100) == 7
    assert len({(job.name, job.key) for job in queue.sent}) == 11
