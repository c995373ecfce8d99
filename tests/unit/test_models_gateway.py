"""The gateway: order, memory, budget and what is reported; and the settings' way to candidates."""

from dataclasses import dataclass, field
from email.utils import formatdate
from time import time
from typing import Any, get_args

import pytest

from bot.domain.errors import ConfigError
from bot.ports import Answer, Ask, Text, Turn
from tests.scripted_model import ScriptedModel
from workers.models.anthropic import AnthropicModel
from workers.models.budget import Budget, Price
from workers.models.errors import BudgetSpent, CallFailed, NoAnswer, classify, seconds_to_wait
from workers.models.gateway import Gateway, Patience
from workers.models.openai import OpenAIModel
from workers.models.router import ANTHROPIC_DEFAULT, OPENAI_DEFAULT, ModelSettings, candidates_from
from workers.models.script import parse

FAST = Patience(attempts=2, first_wait=0.001, longest_wait=0.002)
QUESTION = Ask("system", (Turn("user", (Text("Fix it."),)),), max_tokens=10)


@dataclass
class Memory:
    kept: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def recall(self, scope: str, key: str) -> bytes | None:
        return self.kept.get((scope, key))

    def remember(self, scope: str, key: str, value: bytes) -> None:
        self.kept.setdefault((scope, key), value)


def scripted(*turns: Any) -> ScriptedModel:
    return ScriptedModel(parse(list(turns)))


def words(answer: Answer) -> str:
    return "".join(part.text for part in answer.turn.parts if isinstance(part, Text))


def test_the_second_run_pays_nothing() -> None:
    memory, used = Memory(), []
    for _ in range(2):
        gateway = Gateway([scripted({"say": "hi"})], memory, "run", Budget(), lambda *paid: used.append(paid))
        assert words(gateway.ask(QUESTION, deadline=5)) == "hi"
    assert len(used) == 1
    assert used[0][:2] == ("scripted", "script")
    assert used[0][4] is None


def test_another_scope_or_question_is_paid() -> None:
    memory, used = Memory(), []
    for scope, text in (("a", "x"), ("b", "x"), ("b", "y")):
        gateway = Gateway([scripted({"say": "hi"})], memory, scope, Budget(), lambda *paid: used.append(paid))
        gateway.ask(Ask("s", (Turn("user", (Text(text),)),)), deadline=5)
    assert len(used) == 3


def test_what_is_remembered_counts_for_the_budget_but_needs_none() -> None:
    memory = Memory()
    Gateway([scripted({"say": "hi"})], memory, "run", Budget()).ask(QUESTION, deadline=5)
    budget = Budget(tokens=1)
    assert words(Gateway([], memory, "run", budget).ask(QUESTION, deadline=5)) == "hi"
    assert budget.used > 1


def test_usage_is_reported_before_the_answer_is_remembered() -> None:
    memory = Memory()
    seen: list[int] = []
    Gateway([scripted({"say": "hi"})], memory, "run", Budget(), lambda *_: seen.append(len(memory.kept))).ask(
        QUESTION, deadline=5
    )
    assert (seen, len(memory.kept)) == ([0], 1)


def test_the_budget_is_reserved_before_and_settled_after() -> None:
    budget = Budget(tokens=500)
    Gateway([scripted({"say": "hi"})], None, "run", budget).ask(QUESTION, deadline=5)
    assert 0 < budget.used < 150
    with pytest.raises(BudgetSpent, match="of 500 tokens"):
        Gateway([scripted({"say": "hi"})], None, "run", budget).ask(
            Ask("s", QUESTION.turns, max_tokens=1000), deadline=5
        )


def test_a_failed_call_gives_its_reservation_back() -> None:
    budget = Budget(tokens=300)
    gateway = Gateway([scripted(*[{"http": {"status": 400}}] * 9, {"say": "hi"})], None, "r", budget, patience=FAST)
    for _ in range(9):
        with pytest.raises(NoAnswer):
            gateway.ask(QUESTION, deadline=5)
    assert budget.used == 0
    assert words(gateway.ask(QUESTION, deadline=5)) == "hi"


def test_a_known_price_makes_a_cost() -> None:
    budget = Budget(prices={("v", "m"): Price(input=2.0, output=10.0)})
    answer = Answer(Turn("assistant", ()), "end", "v", "m", input_tokens=500_000, output_tokens=100_000)
    assert budget.cost(answer) == pytest.approx(2.0)
    assert budget.cost(Answer(Turn("assistant", ()), "end", "v", "other", 1, 1)) is None


def test_the_first_candidate_that_can_answers() -> None:
    bad, good = scripted(*[{"http": {"status": 529}}] * 9), scripted({"say": "hi"})
    assert words(Gateway([bad, good], None, "r", Budget(), patience=FAST).ask(QUESTION, deadline=5)) == "hi"


def test_a_resting_candidate_is_passed_over() -> None:
    resting = scripted({"http": {"status": 429, "retry_after": 60}}, {"say": "too early"}, {"say": "too early"})
    other = scripted({"say": "one"}, {"say": "two"})
    gateway = Gateway([resting, other], None, "r", Budget(), patience=FAST)
    assert words(gateway.ask(QUESTION, deadline=5)) == "one"
    assert words(gateway.ask(QUESTION, deadline=5)) == "one"


def test_without_candidates_it_says_so() -> None:
    with pytest.raises(NoAnswer, match="no model is configured"):
        Gateway([], None, "r", Budget()).ask(QUESTION, deadline=5)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (429, "", "retry"),
        (529, "", "retry"),
        (503, "", "retry"),
        (408, "", "retry"),
        (401, "", "next"),
        (403, "", "next"),
        (404, "", "next"),
        (413, "", "next"),
        (429, "insufficient_quota", "next"),
        (400, "billing_error", "next"),
        (400, "", "fatal"),
        (422, "", "fatal"),
    ],
)
def test_the_classes_of_trouble(status: int, code: str, kind: str) -> None:
    assert classify(status, code) == kind


def test_a_too_large_question_does_not_condemn_the_candidate() -> None:
    assert CallFailed("x", "next", status=401).lasting
    assert not CallFailed("x", "next", status=413).lasting
    assert not CallFailed("x", "retry", status=500).lasting


def test_retry_after_is_read_in_all_its_forms() -> None:
    assert seconds_to_wait({"retry-after": "3"}) == 3
    assert seconds_to_wait({"retry-after-ms": "1500", "retry-after": "9"}) == 1.5
    assert seconds_to_wait({"retry-after": formatdate(time() + 60, usegmt=True)}) == pytest.approx(60, abs=3)
    assert [seconds_to_wait({"retry-after": text}) for text in ("soon", "-1", "nan", "inf", "")] == [None] * 5
    assert seconds_to_wait({}) is None


def named(settings: ModelSettings) -> list[tuple[str, str, str]]:
    found = []
    for candidate in candidates_from(settings):
        assert isinstance(candidate, OpenAIModel | AnthropicModel)
        found.append((type(candidate).__name__, candidate.vendor, candidate.model))
    return found


def test_keys_name_the_clouds() -> None:
    assert named(ModelSettings()) == []
    both = ModelSettings(openai_key="a", anthropic_key="b")
    assert named(both) == [
        ("OpenAIModel", "openai", OPENAI_DEFAULT),
        ("AnthropicModel", "anthropic", ANTHROPIC_DEFAULT),
    ]
    claude = ModelSettings(openai_key="a", anthropic_key="b", name="claude-opus-5-5")
    assert named(claude)[0] == ("AnthropicModel", "anthropic", "claude-opus-5-5")
    assert named(ModelSettings(openai_key="a", name="gpt-5.5")) == [("OpenAIModel", "openai", "gpt-5.5")]


def test_the_default_names_are_known_to_the_sdks() -> None:
    from anthropic.types import Model as AnthropicName  # seconds of imports, which other workers need not pay
    from openai.types.shared import ChatModel

    assert OPENAI_DEFAULT in get_args(ChatModel)
    assert ANTHROPIC_DEFAULT in get_args(get_args(AnthropicName)[0])


@pytest.mark.parametrize(("api", "kind"), [("openai", "OpenAIModel"), ("anthropic", "AnthropicModel")])
def test_an_own_endpoint_is_the_only_candidate(api: Any, kind: str) -> None:
    settings = ModelSettings("http://127.0.0.1:9/v1", api, "qwen", "k", openai_key="a", anthropic_key="b")
    assert named(settings) == [(kind, "local", "qwen")]


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000", "ftp://host/v1", "http://user:pw@host/v1", "http://host/v1?a=b", "x"]
)
def test_an_address_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="JOURNEYMAN_MODEL_URL"):
        candidates_from(ModelSettings(url))
