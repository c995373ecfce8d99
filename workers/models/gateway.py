"""The gateway: one Model in front of several candidates, which pays for no answer twice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Protocol

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_exponential, wait_random

from bot.ports import Answer, Ask, Memo
from workers.models.budget import Budget
from workers.models.errors import CallFailed, NoAnswer
from workers.models.transcript import decode, digest, encode

OnUsed = Callable[[str, str, int, int, float | None], None]
"""Called with vendor, model, input tokens, output tokens and cost for every answer that was paid for."""


class Candidate(Protocol):
    """One model behind one wire. `ask` raises CallFailed and never retries."""

    vendor: str
    model: str

    def ask(self, ask: Ask, *, deadline: float) -> Answer:
        """Answer within `deadline` seconds."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """How often one candidate is asked, and the waits between (seconds) where the server does not say."""

    attempts: int = 4
    first_wait: float = 0.5
    longest_wait: float = 20.0


class Gateway:
    """Tries candidates in order. Implements bot.ports.Model; one gateway serves one task of one run.

    Answers are kept in `memo` under `scope` and the digest of the question. `on_used` is called before an answer is
    remembered: a crash in between pays and reports again, so what is reported is what was paid. `before_call` is called
    before each call that could cost something; what it raises ends the question.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        memo: Memo | None,
        scope: str,
        budget: Budget,
        on_used: OnUsed | None = None,
        *,
        patience: Patience = Patience(),
        before_call: Callable[[], None] | None = None,
    ) -> None:
        self._candidates = tuple(candidates)
        self._memo = memo
        self._scope = scope
        self._budget = budget
        self._on_used = on_used
        self._patience = patience
        self._before_call = before_call
        self._out: dict[int, CallFailed] = {}
        self._rests_until: dict[int, float] = {}

    def ask(self, ask: Ask, *, deadline: float) -> Answer:
        """Answer from memory or from the first candidate that can; raises BudgetSpent or NoAnswer."""
        key = digest(ask)
        remembered = self._memo.recall(self._scope, key) if self._memo else None
        if remembered is not None:
            answer = decode(remembered)
            self._budget.settle(0, answer)
            return answer
        held = self._budget.reserve(ask)
        paid: Answer | None = None
        try:
            paid = self._from_candidates(ask, monotonic() + deadline)
        finally:
            self._budget.settle(held, paid)
        return self._keep(key, paid)

    def close(self) -> None:
        """Close every candidate."""
        for candidate in self._candidates:
            candidate.close()

    def _keep(self, key: str, answer: Answer) -> Answer:
        if self._on_used:
            cost = self._budget.cost(answer)
            self._on_used(answer.vendor, answer.model, answer.input_tokens, answer.output_tokens, cost)
        if self._memo:
            self._memo.remember(self._scope, key, encode(answer))
        return answer

    def _from_candidates(self, ask: Ask, until: float) -> Answer:
        failures: list[CallFailed] = list(self._out.values())
        now = monotonic()
        live = [number for number in range(len(self._candidates)) if number not in self._out]
        live.sort(key=lambda number: max(0.0, self._rests_until.get(number, 0.0) - now))
        for left, number in zip(range(len(live) - 1, -1, -1), live, strict=True):
            try:
                return self._patiently(number, ask, until, last=left == 0)
            except CallFailed as failure:
                failures.append(failure)
                if failure.lasting:
                    self._out[number] = failure
                if failure.kind == "fatal":
                    break
        raise _no_answer(failures)

    def _patiently(self, number: int, ask: Ask, until: float, *, last: bool) -> Answer:
        candidate = self._candidates[number]
        patience = self._patience
        backoff = wait_exponential(patience.first_wait, patience.longest_wait) + wait_random(0, patience.first_wait)

        def wait(state: RetryCallState) -> float:
            return max(self._rests_until.get(number, 0.0) - monotonic(), backoff(state))

        def enough(state: RetryCallState) -> bool:
            return state.attempt_number >= patience.attempts or monotonic() + state.upcoming_sleep >= until

        self._rest(candidate, number, until)
        for attempt in Retrying(retry=retry_if_exception(_may_retry), wait=wait, stop=enough, reraise=True):
            # A call that hangs must leave time for another one, unless there is none to come.
            share = 1.0 if last and attempt.retry_state.attempt_number >= patience.attempts else 0.5
            with attempt:
                return self._once(number, candidate, ask, (until - monotonic()) * share)
        raise AssertionError("tenacity ends with a value or an exception")

    def _once(self, number: int, candidate: Candidate, ask: Ask, seconds: float) -> Answer:
        if seconds <= 0:
            raise CallFailed(f"{candidate.vendor}/{candidate.model}: no time is left", "next")
        if self._before_call:
            self._before_call()
        try:
            return candidate.ask(ask, deadline=seconds)
        except CallFailed as failure:
            if failure.retry_after is not None:
                self._rests_until[number] = monotonic() + failure.retry_after
            raise

    def _rest(self, candidate: Candidate, number: int, until: float) -> None:
        """Keep to a wait that the server asked for in an earlier question."""
        rest = self._rests_until.get(number, 0.0) - monotonic()
        if rest > 0:
            if monotonic() + rest >= until:
                name = f"{candidate.vendor}/{candidate.model}"
                raise CallFailed(f"{name}: asked us to wait another {rest:.0f} s", "next", retry_after=rest)
            sleep(rest)


def _may_retry(error: BaseException) -> bool:
    return isinstance(error, CallFailed) and error.kind == "retry"


def _no_answer(failures: Sequence[CallFailed]) -> NoAnswer:
    told = "; ".join(str(failure) for failure in failures) or "no model is configured"
    waits = [failure.retry_after for failure in failures if failure.retry_after is not None]
    return NoAnswer(
        f"No model answered: {told}. Check the address and the keys (JOURNEYMAN_MODEL_URL, OPENAI_API_KEY,"
        " ANTHROPIC_API_KEY) with `journeyman doctor`, then `/agent retry`.",
        retry_after=min(waits, default=None),
    )
