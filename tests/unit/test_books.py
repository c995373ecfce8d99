"""Books on the real ledger: decisions lose races, records do not, and an effect happens once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.domain import facts as f
from bot.domain.errors import Conflict, Denied, LeaseLost, PatchRefused, Stale, Unavailable
from bot.ports import Job
from bot.services.books import Book, DeliveryBook, Effect, Performer, RunBook
from tests.builders import RUN, STORY, intent, published
from tests.contract.ledger_rig import Rig, installation

EFFECT = Effect("change:x", "open_change", "octo/calc:x")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with installation("sqlite", tmp_path) as made:
        made.ledger().append(RUN, [f.Requested(intent())], expect=0, cause="comment-1")
        yield made


def book_of(rig: Rig) -> RunBook:
    return RunBook(rig.ledger(), rig.time, RUN, cause="test")


def effects(rig: Rig) -> list[str]:
    return [envelope.kind for envelope in rig.ledger().read(RUN) if envelope.kind.startswith("Effect")]


def test_there_is_no_book_of_no_run(rig: Rig) -> None:
    with pytest.raises(KeyError):
        RunBook(rig.ledger(), rig.time, "run-none", cause="test")


def test_what_is_written_is_read_by_all_and_wakes_the_run(rig: Rig) -> None:
    book = book_of(rig)
    book.write(STORY.stored)
    assert book.run == book_of(rig).run == book.reload()
    assert book.run.source == STORY.stored
    assert book.wished == [Job("advance", RUN)]
    assert [(job.name, job.key) for job in rig.jobs.due(limit=9, resend_after=9)] == [("advance", RUN)]


def test_the_row_of_a_run_says_what_its_facts_say(rig: Rig) -> None:
    book = book_of(rig)
    book.write(STORY.stored, published())
    (row,) = rig.ledger().runs()
    assert (row.change, row.state, row.version, row.head) == (8, "waiting", 3, published().head_sha)
    assert row.version == book.run.version


def test_a_decision_loses_against_whatever_came_first(rig: Rig) -> None:
    mine, other = book_of(rig), book_of(rig)
    other.write(f.Stopped("bob"))
    with pytest.raises(Conflict):
        mine.write(STORY.stored)
    assert mine.run.source is None


def test_a_record_is_written_whatever_came_first(rig: Rig) -> None:
    mine, other = book_of(rig), book_of(rig)
    other.write(f.Stopped("bob"))
    mine.record(STORY.stored)
    assert mine.run.stopped == f.Stopped("bob")
    assert mine.run.source == STORY.stored


def perform(book: Book, *outcomes: object) -> list[str]:
    """Perform the one effect, with what it does told beforehand; returns the results that were said."""
    results = []
    for outcome in outcomes:

        def do(outcome: object = outcome) -> object:
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        results.append(Performer(lambda: None).perform(book, EFFECT, do))
    return results


def test_an_effect_happens_once_and_keeps_its_result(rig: Rig) -> None:
    assert perform(book_of(rig), 8, 9) == ["8", "8"]
    assert perform(book_of(rig), 10) == ["8"]
    assert effects(rig) == ["EffectIntended", "EffectDone"]


def test_an_effect_without_a_result_is_done_as_well(rig: Rig) -> None:
    assert perform(book_of(rig), None, 9) == ["", ""]


def test_an_outage_leaves_an_effect_open_for_the_next_attempt(rig: Rig) -> None:
    with pytest.raises(Unavailable):
        perform(book_of(rig), Unavailable("gone"))
    assert book_of(rig).run.open_effects == (EFFECT.key,)
    assert perform(book_of(rig), 8) == ["8"]
    assert effects(rig) == ["EffectIntended", "EffectDone"]


@pytest.mark.parametrize("error", [Denied("no"), Stale("moved"), PatchRefused("does not apply")], ids=repr)
def test_a_refusal_is_the_outcome_and_can_be_tried_again(rig: Rig, error: Exception) -> None:
    with pytest.raises(type(error)):
        perform(book_of(rig), error)
    assert book_of(rig).run.effects == {EFFECT.key: f"failed {type(error).__name__}: {error}"}
    assert perform(book_of(rig), 8) == ["8"]
    assert effects(rig) == ["EffectIntended", "EffectFailed", "EffectIntended", "EffectDone"]


def test_no_effect_without_the_lease(rig: Rig) -> None:
    def lost() -> None:
        raise LeaseLost("gone")

    with pytest.raises(LeaseLost):
        Performer(lost).perform(book_of(rig), EFFECT, lambda: pytest.fail("it was done"))
    assert book_of(rig).run.open_effects == (EFFECT.key,)


def test_no_effect_when_the_run_moved(rig: Rig) -> None:
    mine = book_of(rig)
    book_of(rig).write(f.Stopped("bob"))
    with pytest.raises(Conflict):
        Performer(lambda: None).perform(mine, EFFECT, lambda: pytest.fail("it was done"))


def test_the_outcome_is_kept_though_the_run_moved_meanwhile(rig: Rig) -> None:
    def do() -> int:
        book_of(rig).write(f.Stopped("bob"))
        return 8

    assert Performer(lambda: None).perform(book_of(rig), EFFECT, do) == "8"
    run = book_of(rig).run
    assert (run.effects, run.state) == ({EFFECT.key: "done 8"}, "stopped")


# --- deliveries
def test_a_delivery_has_a_book_of_its_own(rig: Rig) -> None:
    book = DeliveryBook(rig.ledger(), "d1")
    assert (book.handled, book.effects) == (None, {})
    assert perform(book, 8, 9) == ["8", "8"]
    handled = f.Handled("d1", "answered", "help")
    book.record(handled)
    again = DeliveryBook(rig.ledger(), "d1")
    assert (again.handled, again.effects) == (handled, {EFFECT.key: "done 8"})
    assert DeliveryBook(rig.ledger(), "d2").handled is None


def test_two_who_handle_a_delivery_do_not_both_decide(rig: Rig) -> None:
    mine, other = DeliveryBook(rig.ledger(), "d1"), DeliveryBook(rig.ledger(), "d1")
    other.write(f.EffectFailed("k", "no"))
    with pytest.raises(Conflict):
        mine.write(f.EffectIntended("k", "x", "y"))
    mine.record(f.Handled("d1", "failed", "x"))
    assert mine.effects == {"k": "failed no"}


def test_a_delivery_keeps_its_first_outcome_whoever_records_one_later(rig: Rig) -> None:
    mine, other = DeliveryBook(rig.ledger(), "d1"), DeliveryBook(rig.ledger(), "d1")
    first = f.Handled("d1", "answered", "help")
    other.record(first)
    mine.record(f.EffectFailed("k", "no"), f.Handled("d1", "failed", "x"))
    mine.record(f.Handled("d1", "failed", "y"))
    assert (mine.handled, mine.effects) == (first, {"k": "failed no"})
    assert [envelope.kind for envelope in rig.ledger().read("delivery:d1")] == ["Handled", "EffectFailed"]


def test_a_fact_of_a_run_is_none_of_a_delivery(rig: Rig) -> None:
    with pytest.raises(TypeError, match="does not belong"):
        DeliveryBook(rig.ledger(), "d1").write(f.Stopped("bob"))
