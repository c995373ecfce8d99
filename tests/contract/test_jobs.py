"""The contract of bot.ports.Jobs, on every database."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path
from threading import Barrier, Event
from typing import TypeVar

import pytest
from sqlalchemy import Connection

from bot.adapters.database import Database
from bot.adapters.jobs_sql import BURIAL, SqlJobs
from bot.domain.errors import LeaseLost
from bot.ports import Job, Lease, Place
from tests.contract.ledger_rig import BACKENDS, Rig, installation

ONE = Job("advance", "run-1")
T = TypeVar("T")


@pytest.fixture(params=BACKENDS)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    with installation(request.param, tmp_path) as made:
        yield made


def claim(rig: Rig, *, seconds: float = 10) -> Lease | None:
    return rig.jobs.claim("advance", "run-1", seconds=seconds)


def claimed(rig: Rig, *, seconds: float = 10) -> Lease:
    lease = claim(rig, seconds=seconds)
    assert lease is not None
    return lease


def due(rig: Rig) -> list[str]:
    return [job.key for job in rig.jobs.due(limit=100, resend_after=30)]


def test_nobody_wished_for_it(rig: Rig) -> None:
    assert claim(rig) is None
    assert due(rig) == []
    assert rig.jobs.counts() == {"waiting": 0, "leased": 0, "dead": 0}


def test_a_wished_job_is_claimed_once_and_done(rig: Rig) -> None:
    rig.jobs.wish([ONE, ONE])
    lease = claimed(rig)
    assert lease == Lease("advance", "run-1", fence=1, attempt=1)
    assert claim(rig) is None
    assert rig.jobs.counts() == {"waiting": 0, "leased": 1, "dead": 0}
    rig.jobs.finish(lease)
    assert claim(rig) is None
    assert rig.jobs.counts() == {"waiting": 0, "leased": 0, "dead": 0}


def test_name_and_key_together_are_the_identity(rig: Rig) -> None:
    rig.jobs.wish([ONE, Job("execute", "run-1"), Job("advance", "run-2")])
    claimed(rig)
    assert rig.jobs.claim("execute", "run-1", seconds=1) is not None
    assert rig.jobs.claim("advance", "run-2", seconds=1) is not None
    assert rig.jobs.claim("deliver", "run-1", seconds=1) is None


def test_a_wish_during_a_lease_is_not_lost(rig: Rig) -> None:
    rig.jobs.wish([ONE])
    lease = claimed(rig)
    rig.jobs.wish([ONE])
    assert claim(rig) is None
    rig.jobs.finish(lease)
    assert due(rig) == ["run-1"]
    assert claimed(rig) == Lease("advance", "run-1", fence=2, attempt=1)


def test_two_wishes_during_a_lease_are_one_and_the_earlier_counts(rig: Rig) -> None:
    now = rig.time.wall
    rig.jobs.wish([ONE])
    lease = claimed(rig)
    rig.jobs.wish([Job("advance", "run-1", now + 50)])
    rig.jobs.wish([Job("advance", "run-1", now + 5), Job("advance", "run-1", now + 500)])
    rig.jobs.finish(lease)
    rig.time.wall = now + 4
    assert claim(rig) is None
    rig.time.wall = now + 5
    rig.jobs.finish(claimed(rig))
    rig.time.wall = now + 600
    assert claim(rig) is None


@pytest.mark.parametrize(("again", "wished", "first"), [(5, 50, 5), (50, 5, 5), (5, None, 5), (0, None, 0)])
def test_finished_until_again_or_the_wish_whichever_is_earlier(
    rig: Rig, again: float, wished: float | None, first: float
) -> None:
    now = rig.time.wall
    rig.jobs.wish([ONE])
    lease = claimed(rig)
    if wished is not None:
        rig.jobs.wish([Job("advance", "run-1", now + wished)])
    rig.jobs.finish(lease, again=now + again)
    rig.time.wall = now + first - 0.5
    assert claim(rig) is None
    rig.time.wall = now + first
    claimed(rig)


def test_a_job_is_not_claimed_before_it_is_due(rig: Rig) -> None:
    rig.jobs.wish([Job("advance", "run-1", rig.time.wall + 10)])
    assert claim(rig) is None
    assert due(rig) == []
    rig.time.wall += 10
    assert due(rig) == ["run-1"]
    claimed(rig)


def test_a_wish_makes_a_waiting_job_due_earlier_never_later(rig: Rig) -> None:
    rig.jobs.wish([Job("advance", "run-1", rig.time.wall + 10)])
    rig.jobs.wish([Job("advance", "run-1", rig.time.wall + 99)])
    rig.time.wall += 10
    assert due(rig) == ["run-1"]
    rig.jobs.finish(claimed(rig), again=rig.time.wall + 1000)
    rig.jobs.wish([ONE])
    assert due(rig) == ["run-1"]


def test_a_wish_does_not_shorten_the_pause_after_a_failure(rig: Rig) -> None:
    rig.jobs.wish([ONE])
    assert not rig.jobs.fail(claimed(rig), "the forge is away", retry_at=rig.time.wall + 60, dead_after=3)
    rig.jobs.wish([ONE])
    assert claim(rig) is None
    rig.time.wall += 60
    assert claimed(rig).attempt == 2


def test_attempts_are_counted_before_the_work_and_the_job_dies_after_the_last(rig: Rig) -> None:
    rig.jobs.wish([ONE])
    for attempt, dead in ((1, False), (2, False), (3, True)):
        lease = claimed(rig)
        assert (lease.attempt, lease.fence) == (attempt, attempt)
        assert rig.jobs.fail(lease, "boom \0 \ud800", retry_at=rig.time.wall, dead_after=3) is dead
    assert claim(rig) is None
    rig.jobs.buried(lease)
    assert claim(rig) is None
    assert due(rig) == []
    assert rig.jobs.counts() == {"waiting": 0, "leased": 0, "dead": 1}


def test_a_wish_revives_a_dead_job(rig: Rig) -> None:
    rig.jobs.wish([ONE])
    lease = claimed(rig)
    assert rig.jobs.fail(lease, "boom", retry_at=rig.time.wall, dead_after=1)
    rig.jobs.buried(lease)
    rig.jobs.wish([ONE])
    assert due(rig) == ["run-1"]
    assert claimed(rig) == Lease("advance", "run-1", fence=2, attempt=1)


def test_a_wish_during_the_last_attempt_does_not_save_the_job(rig: Rig) -> None:
    rig.jobs.wish([ONE])
    lease = claimed(rig)
    rig.jobs.wish([ONE])
    assert rig.jobs.fail(lease, "boom", retry_at=rig.time.wall + 5, dead_after=1)
    rig.jobs.buried(lease)
    rig.time.wall += 5
    assert claim(rig) is None
    assert rig.jobs.counts()["dead"] == 1


def test_a_wish_for_a_dying_job_begins_it_anew_once_it_is_buried(rig: Rig) -> None:
    rig.jobs.wish([ONE])
    lease = claimed(rig)
    assert rig.jobs.fail(lease, "boom", retry_at=rig.time.wall, dead_after=1)
    rig.jobs.wish([ONE])
    assert claim(rig) is None
    rig.jobs.buried(lease)
    assert claimed(rig) == Lease("advance", "run-1", fence=2, attempt=1)


def test_a_dying_job_is_taken_over_to_be_buried_by_one(rig: Rig) -> None:
    rig.jobs.wish([ONE])
    old = claimed(rig)
    assert rig.jobs.fail(old, "boom", retry_at=rig.time.wall, dead_after=1)
    rig.time.wall += BURIAL
    assert due(rig) == ["run-1"]
    new = claimed(rig)
    assert (new.fence, new.dying) == (2, "boom")
    rig.jobs.buried(old)
    assert rig.jobs.counts() == {"waiting": 0, "leased": 1, "dead": 0}
    rig.jobs.buried(new)
    assert rig.jobs.counts() == {"waiting": 0, "leased": 0, "dead": 1}


def test_only_what_dies_is_buried(rig: Rig) -> None:
    rig.jobs.wish([ONE])
    rig.jobs.buried(claimed(rig))
    assert rig.jobs.counts()["leased"] == 1


def test_failures_of_ours_are_counted_apart_and_claims_without_a_word_in_a_row(rig: Rig) -> None:
    rig.jobs.wish([ONE])
    now = rig.time.wall
    for _ in range(3):
        assert not rig.jobs.fail(claimed(rig), "away", retry_at=now, dead_after=9, ours=False)
    assert not rig.jobs.fail(claimed(rig), "boom", retry_at=now, dead_after=2)
    for silent in (1, 2):
        assert claimed(rig, seconds=0).silent == silent
    assert rig.jobs.fail(claimed(rig), "boom", retry_at=now, dead_after=2)


def test_success_resets_the_attempts(rig: Rig) -> None:
    rig.jobs.wish([ONE])
    rig.jobs.fail(claimed(rig), "boom", retry_at=rig.time.wall, dead_after=5)
    rig.jobs.finish(claimed(rig), again=rig.time.wall)
    assert claimed(rig) == Lease("advance", "run-1", fence=3, attempt=1)


def test_a_lease_that_ran_out_is_taken_over_and_the_old_holder_can_do_nothing(rig: Rig) -> None:
    rig.jobs.wish([ONE])
    old = claimed(rig, seconds=10)
    rig.time.wall += 9.5
    assert claim(rig) is None
    rig.time.wall += 0.5
    assert due(rig) == ["run-1"]
    new = claimed(rig, seconds=10)
    assert (new.fence, new.attempt) == (old.fence + 1, 2)
    with pytest.raises(LeaseLost, match="run-1"):
        rig.jobs.renew(old, seconds=10)
    rig.jobs.finish(old, again=rig.time.wall)
    assert not rig.jobs.fail(old, "late", retry_at=rig.time.wall, dead_after=1)
    assert rig.jobs.counts() == {"waiting": 0, "leased": 1, "dead": 0}
    rig.jobs.renew(new, seconds=10)


def test_renewing_prolongs_even_a_lease_that_ran_out_if_nobody_took_it(rig: Rig) -> None:
    rig.jobs.wish([ONE])
    lease = claimed(rig, seconds=10)
    rig.time.wall += 11
    rig.jobs.renew(lease, seconds=10)
    assert claim(rig) is None
    rig.time.wall += 10
    claimed(rig)


def test_an_ended_lease_cannot_be_renewed(rig: Rig) -> None:
    rig.jobs.wish([ONE])
    lease = claimed(rig)
    rig.jobs.finish(lease)
    with pytest.raises(LeaseLost):
        rig.jobs.renew(lease, seconds=10)


def test_the_fence_grows_over_the_whole_life_of_a_job(rig: Rig) -> None:
    fences = []
    for _ in range(4):
        rig.jobs.wish([ONE])
        lease = claimed(rig)
        fences.append(lease.fence)
        rig.jobs.finish(lease)
    assert fences == [1, 2, 3, 4]


def test_a_take_over_serves_the_wishes_made_until_then_and_keeps_later_ones(rig: Rig) -> None:
    now = rig.time.wall
    rig.jobs.wish([ONE])
    claimed(rig, seconds=10)
    rig.jobs.wish([ONE])
    rig.time.wall = now + 10
    second = claimed(rig, seconds=10)
    rig.jobs.finish(second)
    assert claim(rig) is None
    rig.jobs.wish([ONE])
    claimed(rig, seconds=10)
    rig.jobs.wish([Job("advance", "run-1", now + 100)])
    rig.time.wall = now + 20
    rig.jobs.finish(claimed(rig))
    rig.time.wall = now + 100
    claimed(rig)


def test_due_jobs_are_sent_once_and_again_only_after_a_while(rig: Rig) -> None:
    rig.jobs.wish([ONE])
    assert due(rig) == ["run-1"]
    assert due(rig) == []
    rig.jobs.wish([ONE])  # it waits already: nothing changes
    assert due(rig) == []
    rig.time.wall += 30
    assert due(rig) == ["run-1"]


def test_the_longest_due_come_first_and_only_so_many(rig: Rig) -> None:
    now = rig.time.wall
    rig.jobs.wish([Job("advance", f"run-{place}", now - place) for place in range(5)])
    assert rig.jobs.due(limit=2, resend_after=30) == [
        Job("advance", "run-4", now - 4),
        Job("advance", "run-3", now - 3),
    ]
    assert due(rig) == ["run-2", "run-1", "run-0"]


def test_a_retry_is_sent_when_it_is_due_however_lately_it_was_sent_before(rig: Rig) -> None:
    rig.jobs.wish([ONE])
    assert due(rig) == ["run-1"]
    rig.jobs.fail(claimed(rig), "boom", retry_at=rig.time.wall + 1, dead_after=3)
    rig.time.wall += 1
    assert due(rig) == ["run-1"]


def test_a_key_with_any_text_finds_itself_again(rig: Rig) -> None:
    key = "nul \0 lone \ud800 grüße"
    rig.jobs.wish([Job("deliver", key)])
    lease = rig.jobs.claim("deliver", key, seconds=10)
    assert lease is not None
    rig.jobs.finish(lease)
    assert rig.jobs.counts()["leased"] == 0


def test_many_racers_never_share_a_job_and_lose_none(rig: Rig) -> None:
    keys = [f"run-{place}" for place in range(12)]
    rig.jobs.wish([Job("advance", key) for key in keys])

    def race(_: int) -> list[str]:
        with closing(Database(rig.url)) as database:
            mine = SqlJobs(database, rig.time)
            return [key for key in keys if mine.claim("advance", key, seconds=60)]

    with ThreadPoolExecutor(8) as pool:
        taken = [key for keys_taken in pool.map(race, range(8)) for key in keys_taken]
    assert sorted(taken) == sorted(keys)


def test_many_sweepers_send_each_job_once(rig: Rig) -> None:
    rig.jobs.wish([Job("advance", f"run-{place}") for place in range(40)])

    def sweep(_: int) -> list[str]:
        with closing(Database(rig.url)) as database:
            mine = SqlJobs(database, rig.time)
            return [job.key for _ in range(4) for job in mine.due(limit=5, resend_after=60)]

    with ThreadPoolExecutor(8) as pool:
        sent = [key for keys in pool.map(sweep, range(8)) for key in keys]
    assert sorted(sent) == sorted(f"run-{place}" for place in range(40))


def test_wishes_that_cross_do_not_deadlock(rig: Rig) -> None:
    names = [f"run-{place}" for place in range(6)]

    def wish(seed: int) -> None:
        with closing(Database(rig.url)) as database:
            turned = names[seed % 6 :] + names[: seed % 6]
            for _ in range(5):
                SqlJobs(database, rig.time).wish([Job("advance", key) for key in turned])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(wish, range(6)))
    assert rig.jobs.counts()["waiting"] == 6


# --- lanes
def placed(number: int, lane: str = "github:o/r#7") -> Job:
    return Job("deliver", f"d-{number}", place=Place(lane, number))


def take(rig: Rig, number: int) -> Lease | None:
    return rig.jobs.claim("deliver", f"d-{number}", seconds=10)


def taken(rig: Rig, number: int) -> Lease:
    lease = take(rig, number)
    assert lease is not None
    return lease


def test_jobs_of_a_lane_are_claimed_one_at_a_time_by_their_place(rig: Rig) -> None:
    rig.jobs.wish([placed(12), placed(10), placed(11)])
    rig.jobs.wish([Job("advance", "run-1"), placed(1, "github:o/r#8")])
    for number, others in ((10, (11, 12)), (11, (10, 12)), (12, (10, 11))):
        lease = taken(rig, number)
        assert [take(rig, other) for other in others] == [None, None]
        following = rig.jobs.finish(lease)
        assert [job.key for job in following] == ([f"d-{number + 1}"] if number < 12 else [])
    taken(rig, 1)
    assert rig.jobs.finish(claimed(rig)) == []


def test_only_the_first_of_a_lane_is_sent(rig: Rig) -> None:
    rig.jobs.wish([placed(11), placed(12)])
    rig.jobs.wish([Job("deliver", "d-10", rig.time.wall + 5, Place("github:o/r#7", 10))])
    assert due(rig) == []
    rig.time.wall += 5
    assert due(rig) == ["d-10"]
    lease = taken(rig, 10)
    assert due(rig) == []
    rig.jobs.finish(lease)
    assert due(rig) == ["d-11"]


def test_a_place_is_kept_when_the_job_is_wished_for_again(rig: Rig) -> None:
    rig.jobs.wish([placed(10), placed(11)])
    rig.jobs.wish([Job("deliver", "d-11"), Job("deliver", "d-11", place=Place("another", 1))])
    assert take(rig, 11) is None


def test_one_that_pauses_after_a_failure_holds_up_those_behind_it(rig: Rig) -> None:
    rig.jobs.wish([placed(10), placed(11)])
    rig.jobs.fail(taken(rig, 10), "the forge is away", retry_at=rig.time.wall + 60, dead_after=500, ours=False)
    assert (take(rig, 11), due(rig)) == (None, [])
    rig.time.wall += 60
    assert due(rig) == ["d-10"]
    assert [job.key for job in rig.jobs.finish(taken(rig, 10))] == ["d-11"]


def test_one_whose_worker_vanished_holds_up_those_behind_it_until_it_is_taken_over(rig: Rig) -> None:
    rig.jobs.wish([placed(10), placed(11)])
    taken(rig, 10)
    rig.time.wall += 10
    assert due(rig) == ["d-10"]
    assert take(rig, 11) is None
    rig.jobs.finish(taken(rig, 10))
    taken(rig, 11)


def test_one_that_died_holds_up_nobody_even_before_it_is_buried(rig: Rig) -> None:
    rig.jobs.wish([placed(10), placed(11), placed(12)])
    lease = taken(rig, 10)
    assert rig.jobs.fail(lease, "boom", retry_at=rig.time.wall, dead_after=1)
    rig.jobs.finish(taken(rig, 11))
    assert [job.key for job in rig.jobs.buried(lease)] == ["d-12"]
    taken(rig, 12)


def test_one_that_comes_late_waits_for_the_one_at_work_and_learns_who_overtook_it(rig: Rig) -> None:
    rig.jobs.wish([placed(11), placed(12), placed(13), placed(9, "github:o/r#8")])
    lease = taken(rig, 11)
    rig.jobs.wish([placed(10)])
    assert take(rig, 10) is None
    assert [job.key for job in rig.jobs.finish(lease)] == ["d-10"]
    assert take(rig, 12) is None
    taken(rig, 10)
    assert rig.jobs.overtakers("deliver", "d-10") == ["d-11"]
    assert rig.jobs.overtakers("deliver", "d-9") == []
    assert rig.jobs.overtakers("deliver", "nobody") == []


def test_two_of_one_place_are_claimed_one_after_the_other(rig: Rig) -> None:
    twin = Job("deliver", "d-10-too", place=Place("github:o/r#7", 10))
    rig.jobs.wish([placed(10), twin])
    lease = taken(rig, 10)
    assert rig.jobs.claim("deliver", twin.key, seconds=10) is None
    assert [job.key for job in rig.jobs.finish(lease)] == [twin.key]


class Held(Database):
    """A database on which a transaction stays open, all done, until it may be committed."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.done, self.commit = Event(), Event()

    def write(self, work: Callable[[Connection], T]) -> T:
        def hold(connection: Connection) -> T:
            result = work(connection)
            self.done.set()
            assert self.commit.wait(timeout=10)
            return result

        return super().write(hold)


def test_a_claim_that_is_not_committed_yet_keeps_others_from_its_lane(rig: Rig) -> None:
    rig.jobs.wish([placed(10), Job("deliver", "d-10-too", place=Place("github:o/r#7", 10))])
    with closing(Held(rig.url)) as held, ThreadPoolExecutor(2) as pool:
        first = pool.submit(SqlJobs(held, rig.time).claim, "deliver", "d-10", seconds=10)
        assert held.done.wait(timeout=10)
        second = pool.submit(rig.jobs.claim, "deliver", "d-10-too", seconds=10)
        wait([second], timeout=0.2)  # it must wait here, or take what is not free
        held.commit.set()
        assert first.result() is not None
        assert second.result() is None


def test_racers_in_a_lane_never_work_side_by_side_nor_out_of_order(rig: Rig) -> None:
    """The later job of each lane is claimed just as the earlier one comes in and is claimed too."""
    rounds = 25
    together = Barrier(2, timeout=60)

    def race(number: int) -> list[bool]:
        won = []
        with closing(Database(rig.url)) as database:
            mine = SqlJobs(database, rig.time)
            mine.claim("deliver", "nobody", seconds=1)  # connected
            for lane in range(rounds):
                job = Job("deliver", f"{lane}/{number}", place=Place(f"lane-{lane}", number))
                together.wait()
                mine.wish([job])
                won.append(mine.claim("deliver", job.key, seconds=60) is not None)
        return won

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(race, (1, 2))
    assert [lane for lane in range(rounds) if first[lane] == second[lane]] == [], "one of the two, not both or none"
