"""Books: a stream of the ledger together with what it folds to, and the two ways to write into it.

`write` is for decisions: it fails with Conflict when anything else happened meanwhile, so that a stop is never
overtaken. `record` is for what already happened: it is written whatever else happened.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.domain.envelope import Envelope
from bot.domain.errors import Conflict, ForgeError, PatchRefused, Unavailable
from bot.domain.facts import EffectDone, EffectFailed, EffectIntended, Fact, Handled, Received, decode
from bot.domain.run import Run, apply, extend, fold
from bot.ports import Job, Ledger, RunRow, Time

MAX_RACES = 50
ABANDONED = "given up with its outcome unknown: the run went another way"


class Book(Protocol):
    """What `perform` needs: the known effects of a stream and the two ways to write."""

    @property
    def effects(self) -> dict[str, str]: ...

    def write(self, *facts: Fact) -> None: ...

    def record(self, *facts: Fact) -> None: ...


class RunBook:
    """The stream of one run. `run` is always the fold of what this book has read and written."""

    def __init__(self, ledger: Ledger, time: Time, run: str, cause: str) -> None:
        """Read the stream; raises KeyError when there is no such run."""
        self._ledger, self._time, self._cause = ledger, time, cause
        envelopes = ledger.read(run)
        if not envelopes:
            raise KeyError(run)
        self.run: Run = fold(envelopes)
        self._last = envelopes[-1]
        self.wished: list[Job] = []

    @property
    def effects(self) -> dict[str, str]:
        """Return the known effects: key to outcome, empty while open."""
        return self.run.effects

    def reload(self) -> Run:
        """Read what others have appended meanwhile."""
        return self._see(self._ledger.read(self.run.id, after=self._last))

    def _see(self, new: Sequence[Envelope]) -> Run:
        self.run = extend(self.run, new)
        self._last = [self._last, *new][-1]
        return self.run

    def write(self, *facts: Fact) -> None:
        """Append facts as a decision; raises Conflict when somebody else appended since this book was read."""
        wished = [Job("advance", self.run.id)]
        row = row_of(_preview(self.run, facts), self.run.version + len(facts), self._time.now())
        new = self._ledger.append(self.run.id, facts, expect=self.run.version, cause=self._cause, jobs=wished, row=row)
        self._see(new)
        self.wished += wished

    def record(self, *facts: Fact) -> None:
        """Append facts that are true whatever else happened; bounded retries after Conflict."""
        for _ in range(MAX_RACES):
            try:
                return self.write(*facts)
            except Conflict:
                self.reload()
        raise Conflict(f"{self.run.id}: lost {MAX_RACES} races in a row")


def _preview(run: Run, facts: Sequence[Fact]) -> Run:
    for fact in facts:
        run = apply(run, fact)
    return run


def row_of(run: Run, version: int, now: float) -> RunRow:
    """Return the read model of a run."""
    change = run.published.number if run.published is not None else run.intent.change
    return RunRow(run.id, str(run.intent.repo), run.intent.issue, change, run.state, version, now, run.head)


class DeliveryBook:
    """The stream of one delivery: that it came, its effects outside any run, and its one outcome."""

    def __init__(self, ledger: Ledger, delivery: str) -> None:
        self._ledger, self._delivery, self._stream = ledger, delivery, f"delivery:{delivery}"
        self._version = 0
        self.effects: dict[str, str] = {}
        self.received: Received | None = None
        self.handled: Handled | None = None
        self.reload()

    def reload(self) -> None:
        """Read the stream again."""
        envelopes = self._ledger.read(self._stream)
        self._version = len(envelopes)
        for envelope in envelopes:
            self._see(decode(envelope.kind, envelope.body))

    def _see(self, fact: Fact) -> None:
        match fact:
            case EffectIntended(key):
                self.effects[key] = ""
            case EffectDone(key, result):
                self.effects[key] = f"done {result}"
            case EffectFailed(key, reason):
                self.effects[key] = f"failed {reason}"
            case Received():
                self.received = fact
            case Handled():
                self.handled = fact
            case _:
                raise TypeError(f"{type(fact).__name__} does not belong in the stream of a delivery")

    def write(self, *facts: Fact) -> None:
        """Append facts; raises Conflict when somebody else handles the same delivery."""
        self._ledger.append(self._stream, facts, expect=self._version, cause=self._delivery)
        self._version += len(facts)
        for fact in facts:
            self._see(fact)

    def record(self, *facts: Fact) -> None:
        """Append facts whatever else happened, but no second outcome: the first one stands."""
        for _ in range(MAX_RACES):
            if self.handled is not None:
                facts = tuple(fact for fact in facts if not isinstance(fact, Handled))
            if not facts:
                return None
            try:
                return self.write(*facts)
            except Conflict:
                self.reload()
        raise Conflict(f"{self._stream}: lost {MAX_RACES} races in a row")


@dataclass(frozen=True, slots=True)
class Effect:
    """A write to the outside world: its name for good, its kind and its target, for the ledger."""

    key: str
    kind: str
    target: str


class Performer:
    """Performs effects once: intended before, outcome after, and the lease renewed in between."""

    def __init__(self, renew: Callable[[], None]) -> None:
        self._renew = renew

    def perform(self, book: Book, effect: Effect, do: Callable[[], object]) -> str:
        """Do it unless its outcome is known, and return its result.

        The verbs behind `do` can be said twice, so an effect that was intended and has no outcome is simply done again.
        A forge that cannot answer (Unavailable) leaves it open for the next attempt; any other refusal, of the forge or
        of a patch, is recorded as its outcome and raised.
        """
        known = book.effects.get(effect.key)
        if known is not None and known.startswith("done "):
            return known.removeprefix("done ")
        if known != "":
            book.write(EffectIntended(effect.key, effect.kind, effect.target))
        self._renew()
        try:
            result = do()
        except Unavailable:
            raise
        except (ForgeError, PatchRefused) as error:
            book.record(EffectFailed(effect.key, f"{type(error).__name__}: {error}"[:1000]))
            raise
        text = "" if result is None else str(result)
        book.record(EffectDone(effect.key, text))
        return text
