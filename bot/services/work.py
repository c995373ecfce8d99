"""Work on one durable job: claim, keep the lease alive, do, finish; and the sweep that wakes what was forgotten."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.domain.errors import Conflict, JourneymanError, LeaseLost, Unavailable
from bot.ports import Job, Jobs, Lease, Queue, Time

DEAD_AFTER = 5
PATIENT_DEAD_AFTER = 500
HASTY_RACES = 20
LONGEST_WAIT = 300.0
LONGEST_RETRY_AFTER = 7200.0


@dataclass(frozen=True, slots=True)
class Done:
    """What a piece of work leaves: jobs to send, and when this job is due again (None: when poked)."""

    jobs: Sequence[Job] = ()
    again: float | None = None


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs jobs of one zone. `seconds` is the lease's length; a heartbeat renews it three times as often.

    Work that takes longer than `longest` seconds counts as stuck (an answer that drips, a server that never ends): its
    lease is renewed no more, so that somebody else takes the job over, and it can write nothing any more.
    """

    jobs: Jobs
    queue: Queue
    time: Time
    seconds: float
    log: Callable[..., None]
    longest: float = 900.0

    def run(
        self,
        name: str,
        key: str,
        work: Callable[[Callable[[], None]], Done],
        buried: Callable[[str], Sequence[Job]],
    ) -> None:
        """Claim the job and do `work(renew)`; nothing happens when there is nothing to claim.

        An error of the outside world (Unavailable, with growing pauses, or Conflict, at once) is tried again up to 500
        times; any other 5 times, and a job that kills its worker 5 times in a row. Then it is handed to
        `buried(reason)`, which records the end and returns jobs to send; it is told again until it has done so, even
        by another worker. Never raises for what the work does.
        """
        lease = self.jobs.claim(name, key, seconds=self.seconds)
        if lease is None:
            return
        if lease.dying is not None:
            self._bury(lease, lease.dying, buried)
            return
        if lease.silent > DEAD_AFTER:
            # Nobody called `fail` for a worker that the job itself killed, so it would be taken over for ever.
            self._failed(lease, f"its worker vanished {DEAD_AFTER} times in a row", _Failure(0.0, 1), buried)
            return
        renew = self._renewal(lease)
        try:
            with _Heartbeat(self, lease, renew):
                done = work(renew)
        except LeaseLost as error:
            self.log("lease lost", level="warning", job=name, key=key, error=str(error))
        except Conflict as error:
            self.log("conflict", level="warning", job=name, key=key, error=str(error))
            self._raced(lease, str(error), buried)
        except Unavailable as error:
            wait = error.retry_after
            self.log("unavailable", level="warning", job=name, key=key, error=str(error), retry_after=wait)
            pause = _pause(lease) if wait is None else min(max(wait, 0.0), LONGEST_RETRY_AFTER)
            self._failed(lease, str(error), _Failure(pause, PATIENT_DEAD_AFTER, ours=False), buried)
        except JourneymanError as error:
            self.log("failed", level="warning", job=name, key=key, error=f"{type(error).__name__}: {error}")
            self._failed(lease, str(error), _Failure(_pause(lease), DEAD_AFTER), buried)
        except Exception as error:  # noqa: BLE001 - the border: a bug must not take the worker down or lose the job
            reason = f"{type(error).__name__}: {error}"
            self.log("crashed", level="error", job=name, key=key, error=reason, exc_info=True)
            self._failed(lease, reason, _Failure(_pause(lease), DEAD_AFTER), buried)
        else:
            following = self.jobs.finish(lease, again=done.again)
            self.queue.send([*done.jobs, *following])

    def _renewal(self, lease: Lease) -> Callable[[], None]:
        end = time.monotonic() + self.longest

        def renew() -> None:
            if time.monotonic() > end:
                self.log("stuck", level="error", job=lease.name, key=lease.key, seconds=self.longest)
                raise LeaseLost(f"{lease.name} {lease.key} took longer than {self.longest:.0f} s; it is begun again")
            self.jobs.renew(lease, seconds=self.seconds)

        return renew

    def _raced(self, lease: Lease, reason: str, buried: Callable[[str], Sequence[Job]]) -> None:
        """Look again at once: somebody else moved on. Races that never end are slowed down, and counted."""
        hasty = lease.attempt <= HASTY_RACES
        if not self._failed(lease, reason, _Failure(0.0 if hasty else 1.0, PATIENT_DEAD_AFTER, ours=False), buried):
            self.queue.send([_job(lease)] if hasty else [])

    def _failed(self, lease: Lease, reason: str, failure: "_Failure", buried: Callable[[str], Sequence[Job]]) -> bool:
        """Record a failure, and the end of the job when it was the last one that it is given (True)."""
        retry_at = self.time.now() + failure.pause
        dead = self.jobs.fail(lease, reason[:1000], retry_at=retry_at, dead_after=failure.dead_after, ours=failure.ours)
        if dead:
            self.log("dead", level="error", job=lease.name, key=lease.key, reason=reason)
            self._bury(lease, reason, buried)
        return dead

    def _bury(self, lease: Lease, reason: str, buried: Callable[[str], Sequence[Job]]) -> None:
        """Record the end of a dying job; where that fails, it stays dying, and somebody does so later."""
        try:
            follow = buried(reason)
        except Exception as error:  # noqa: BLE001 - the border, as above
            said = f"{type(error).__name__}: {error}"
            self.log("not buried", level="error", job=lease.name, key=lease.key, error=said, exc_info=True)
            try:
                self.jobs.renew(lease, seconds=LONGEST_WAIT)
            except JourneymanError as lost:
                self.log("not buried", level="error", job=lease.name, key=lease.key, error=str(lost))
            return
        following = self.jobs.buried(lease)
        self.queue.send([*follow, *following])


@dataclass(frozen=True, slots=True)
class _Failure:
    """How a failure is to be taken: the pause before the next attempt, and how many there may be."""

    pause: float
    dead_after: int
    ours: bool = True


def _pause(lease: Lease) -> float:
    return float(2.0 ** min(lease.attempt, 6))


def _job(lease: Lease) -> Job:
    return Job(lease.name, lease.key)  # type: ignore[arg-type]


class _Heartbeat:
    """Renews a lease in the background while the work goes on."""

    def __init__(self, runner: Runner, lease: Lease, renew: Callable[[], None]) -> None:
        self._runner, self._lease, self._renew, self._end = runner, lease, renew, threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(timeout=5)

    def _beat(self) -> None:
        while not self._end.wait(self._runner.seconds / 3):
            try:
                self._renew()
            except LeaseLost:
                return
            except JourneymanError as error:
                self._runner.log("heartbeat failed", level="warning", key=self._lease.key, error=str(error))


def sweep(jobs: Jobs, queue: Queue, *, resend_after: float, limit: int = 200) -> int:
    """Send what is due and in nobody's hands: lost by Redis, left by a killed worker, or due by the clock."""
    due = jobs.due(limit=limit, resend_after=resend_after)
    if due:
        queue.send(due)
    return len(due)
