"""Token budgets: reserved before a call, settled after it."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.ports import Answer, Ask
from workers.models.errors import BudgetSpent
from workers.models.transcript import size

CHARACTERS_PER_TOKEN = 3
"""Below the usual four, so that the estimate errs on the dear side."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs, in dollars per million tokens."""

    input: float
    output: float


class Budget:
    """Tokens that a run may use; `tokens` None means no limit. Prices are by (vendor, model)."""

    def __init__(self, tokens: int | None = None, prices: Mapping[tuple[str, str], Price] | None = None) -> None:
        self.tokens = tokens
        self.used = 0
        self._held = 0
        self._prices = dict(prices or {})

    def reserve(self, ask: Ask) -> int:
        """Hold the worst case of a question and return it; raises BudgetSpent when it does not fit."""
        worst = size(ask) // CHARACTERS_PER_TOKEN + ask.max_tokens
        if self.tokens is not None and self.used + self._held + worst > self.tokens:
            raise BudgetSpent(
                f"The token budget of this run does not cover another model call: {self.used} of {self.tokens} tokens"
                f" are used and the call could take {worst}. Raise the budget, or make the task smaller."
            )
        self._held += worst
        return worst

    def settle(self, held: int, answer: Answer | None) -> None:
        """Give back what was held and count what was really used (nothing when there was no answer)."""
        self._held -= held
        if answer is not None:
            self.used += answer.input_tokens + answer.output_tokens

    def cost(self, answer: Answer) -> float | None:
        """Return the dollars that an answer cost; None when the price is unknown."""
        price = self._prices.get((answer.vendor, answer.model))
        if price is None:
            return None
        return (answer.input_tokens * price.input + answer.output_tokens * price.output) / 1_000_000
