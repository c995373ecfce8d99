"""Work on one durable job: claim, keep the lease alive, do, finish; and the sweep that wakes what was forgotten."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.domain.errors import Conflict, JourneymanError, LeaseLost, Unavailable
from bot.ports import Job, Jobs, Lease, Queue, Time

DEAD_AFTER = 5
PATIENT_DEAD_AFTER = 500
LONGEST_WAIT = 300.0
LONGEST_RETRY_AFTER = 7200.0


@dataclass(frozen=True, slots=True)
class Done:
    """What a piece of work leaves: jobs to send, and when this job is due again (None: when poked)."""

    jobs: Sequence[Job] = ()
    again: float | None = None


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs jobs of one zone. `seconds` is the lease's length; a heartbeat renews it three times as often."""

    jobs: Jobs
    queue: Queue
    time: Time
    seconds: float
    log: Callable[..., None]

    def run(
        self,
        name: str,
        key: str,
        work: Callable[[Callable[[], None]], Done],
        buried: Callable[[str], Sequence[Job]],
    ) -> None:
        """Claim the job and do `work(renew)`; nothing happens when there is nothing to claim.

        An error of the outside world (Unavailable, Conflict) is tried again with growing pauses; any other is tried
        5 times and then handed to `buried(reason)`, which records the end and returns jobs to send. Never raises
        for what the work does.
        """
        lease = self.jobs.claim(name, key, seconds=self.seconds)
        if lease is None:
            return
        if lease.attempt > PATIENT_DEAD_AFTER:
            # Nobody called `fail` for a worker that the job itself killed, so it would be taken over for ever.
            self._failed(lease, f"{lease.attempt} attempts brought nothing", None, PATIENT_DEAD_AFTER, buried)
            return
        try:
            with _Heartbeat(self, lease):
                done = work(lambda: self.jobs.renew(lease, seconds=self.seconds))
        except LeaseLost as error:
            self.log("lease lost", job=name, key=key, error=str(error))
        except Conflict as error:
            self.log("conflict", job=name, key=key, error=str(error))
            self._again(lease, 0.05)
        except Unavailable as error:
            self.log("unavailable", job=name, key=key, error=str(error), retry_after=error.retry_after)
            self._failed(lease, str(error), error.retry_after, PATIENT_DEAD_AFTER, buried)
        except JourneymanError as error:
            self.log("failed", job=name, key=key, error=f"{type(error).__name__}: {error}")
            self._failed(lease, str(error), None, DEAD_AFTER, buried)
        except Exception as error:  # noqa: BLE001 - the border: a bug must not take the worker down or lose the job
            self.log("crashed", job=name, key=key, error=f"{type(error).__name__}: {error}", exc_info=True)
            self._failed(lease, f"{type(error).__name__}: {error}", None, DEAD_AFTER, buried)
        else:
            self.jobs.finish(lease, again=done.again)
            self.queue.send(done.jobs)

    def _again(self, lease: Lease, seconds: float) -> None:
        self.jobs.finish(lease, again=self.time.now() + seconds)
        self.queue.send([Job(lease.name, lease.key)])  # type: ignore[arg-type]

    def _failed(
        self,
        lease: Lease,
        reason: str,
        retry_after: float | None,
        dead_after: int,
        buried: Callable[[str], Sequence[Job]],
    ) -> None:
        pause = 2.0 ** min(lease.attempt, 6)
        if retry_after is not None:
            pause = min(max(retry_after, 0.0), LONGEST_RETRY_AFTER)
        if self.jobs.fail(lease, reason[:1000], retry_at=self.time.now() + pause, dead_after=dead_after):
            self.log("dead", job=lease.name, key=lease.key, reason=reason)
            self._bury(lease, reason, buried)

    def _bury(self, lease: Lease, reason: str, buried: Callable[[str], Sequence[Job]]) -> None:
        """Record the end of a dead job; where even that fails, the job lives again later, so that it is not lost."""
        try:
            self.queue.send(buried(reason))
        except Exception as error:  # noqa: BLE001 - the border, as above
            self.log("not buried", job=lease.name, key=lease.key, error=f"{type(error).__name__}: {error}")
            job = Job(lease.name, lease.key, due=self.time.now() + LONGEST_WAIT)  # type: ignore[arg-type]
            self.jobs.wish([job])


class _Heartbeat:
    """Renews a lease in the background while the work goes on."""

    def __init__(self, runner: Runner, lease: Lease) -> None:
        self._runner, self._lease, self._end = runner, lease, threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(timeout=5)

    def _beat(self) -> None:
        while not self._end.wait(self._runner.seconds / 3):
            try:
                self._runner.jobs.renew(self._lease, seconds=self._runner.seconds)
            except LeaseLost:
                return
            except JourneymanError as error:
                self._runner.log("heartbeat failed", key=self._lease.key, error=str(error))


def sweep(jobs: Jobs, queue: Queue, *, resend_after: float, limit: int = 200) -> int:
    """Send what is due and in nobody's hands: lost by Redis, left by a killed worker, or due by the clock."""
    due = jobs.due(limit=limit, resend_after=resend_after)
    if due:
        queue.send(due)
    return len(due)
