"""The neutral transcript: whatever happened to it, both wires get a lawful request."""

from collections import Counter
from json import dumps
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.ports import Answer, Ask, Opaque, Part, Text, ToolCall, ToolResult, ToolSpec, Turn
from workers.models import anthropic, openai
from workers.models.scripted_wires import AnthropicWire, OpenAIWire
from workers.models.transcript import LOST, call_id, decode, digest, encode, fit, position

IDS = st.sampled_from(["1", "2", "c00000000", "", "toolu_x"])
NAMES = st.sampled_from(["files.read", "files__read", "nope", "", "a b", "x" * 80])
WORDS = st.one_of(st.sampled_from(["", " ", "hello", "\ud800"]), st.text(max_size=8))
VALUES = st.dictionaries(WORDS, st.one_of(WORDS, st.integers(), st.lists(WORDS, max_size=2)), max_size=2)
PARTS = st.one_of(
    st.builds(Text, WORDS),
    st.builds(ToolCall, IDS, NAMES, VALUES, st.sampled_from(["", "broken"])),
    st.builds(ToolResult, IDS, NAMES, WORDS, st.booleans()),
    st.builds(
        Opaque, st.sampled_from(["openai", "anthropic"]), st.sampled_from(["m", "n"]), st.just({"type": "thinking"})
    ),
)
TURNS = st.lists(
    st.builds(Turn, st.sampled_from(["user", "assistant"]), st.lists(PARTS, max_size=5).map(tuple)), max_size=7
).map(tuple)
TOOLS = (ToolSpec("files.read", "Read.", {"type": "object"}),)


def kinds(turn: Turn, kind: type[Part]) -> list[Any]:
    return [part for part in turn.parts if isinstance(part, kind)]


@given(TURNS)
@settings(deadline=None)
def test_openai_gets_exactly_one_result_for_each_call(turns: tuple[Turn, ...]) -> None:
    body, _ = openai.request(Ask("s", turns, TOOLS), vendor="openai", model="m", quirks=openai.CLOUD)
    dumps(body, ensure_ascii=False).encode()
    heard = OpenAIWire().hear(body)
    assert heard.position == position(turns)
    calls = Counter(call["id"] for message in body["messages"] for call in message.get("tool_calls", ()))
    results = Counter(message["tool_call_id"] for message in body["messages"] if message["role"] == "tool")
    assert calls == results
    assert set(calls.values()) <= {1}


@given(TURNS)
@settings(deadline=None)
def test_anthropic_gets_exactly_one_result_for_each_call(turns: tuple[Turn, ...]) -> None:
    body, _ = anthropic.request(Ask("s", turns, TOOLS), vendor="anthropic", model="m", cache=False)
    dumps(body, ensure_ascii=False).encode()
    heard = AnthropicWire().hear(body)
    assert heard.position == position(turns)
    blocks = [block for message in body["messages"] for block in message["content"]]
    calls = Counter(block["id"] for block in blocks if block["type"] == "tool_use")
    assert calls == Counter(block["tool_use_id"] for block in blocks if block["type"] == "tool_result")
    assert set(calls.values()) <= {1}


@given(TURNS)
@settings(deadline=None)
def test_fitting_twice_changes_nothing(turns: tuple[Turn, ...]) -> None:
    once = fit(turns, vendor="openai", model="m")
    assert fit(once, vendor="openai", model="m") == once


@given(TURNS)
@settings(deadline=None)
def test_no_call_is_lost_and_no_foreign_part_is_shown(turns: tuple[Turn, ...]) -> None:
    fitted = fit(turns, vendor="openai", model="m")
    assert sum(len(kinds(turn, ToolCall)) for turn in fitted) == sum(
        len(kinds(turn, ToolCall)) for turn in turns if turn.role == "assistant"
    )
    assert all((part.vendor, part.model) == ("openai", "m") for turn in fitted for part in kinds(turn, Opaque))


def test_ids_are_short_letters_and_digits_and_unique() -> None:
    ids = [call_id(turn, index) for turn in range(30) for index in range(30)]
    assert len(set(ids)) == 900
    assert all(len(one) == 9 and one.isalnum() for one in ids)


def test_a_crash_between_call_and_result_is_told() -> None:
    turns = (Turn("user", (Text("go"),)), Turn("assistant", (ToolCall("x", "files.read", {}),)))
    fitted = fit(turns, vendor="v", model="m")
    assert fitted[-1] == Turn("user", (ToolResult("c00000000", "files.read", LOST, True),))


def test_results_come_in_the_order_of_their_calls_and_before_words() -> None:
    calls = (ToolCall("1", "a", {}), ToolCall("2", "b", {}))
    given_ = (Text("note"), ToolResult("2", "b", "B"), ToolResult("1", "a", "A"), ToolResult("3", "c", "C"))
    fitted = fit((Turn("user", (Text("go"),)), Turn("assistant", calls), Turn("user", given_)), vendor="v", model="m")
    assert [getattr(part, "content", getattr(part, "text", "")) for part in fitted[-1].parts] == ["A", "B", "note"]


def test_opaque_parts_go_back_to_their_maker_only() -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
    turns = (Turn("user", (Text("go"),)), Turn("assistant", (Opaque("anthropic", "m", thought), Text("ok"))))
    own, _ = anthropic.request(Ask("s", turns), vendor="anthropic", model="m", cache=False)
    other, _ = anthropic.request(Ask("s", turns), vendor="anthropic", model="n", cache=False)
    assert own["messages"][1]["content"][0] == thought
    assert other["messages"][1]["content"] == [{"type": "text", "text": "ok"}]


ANSWERS = st.builds(
    Answer,
    st.builds(Turn, st.just("assistant"), st.lists(PARTS, max_size=4).map(tuple)),
    st.sampled_from(["end", "tool", "length"]),
    st.just("v"),
    st.just("m"),
    st.integers(0, 9),
    st.integers(0, 9),
    WORDS,
)


@given(ANSWERS)
@settings(deadline=None)
def test_answers_survive_being_stored(answer: Answer) -> None:
    assert decode(encode(answer)) == answer


@pytest.mark.parametrize("data", [b"{}", b'{"turn": 1}', b"nonsense"])
def test_what_is_no_answer_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(data)


def test_every_part_of_a_question_counts_for_its_digest() -> None:
    turn = Turn("user", (Text("a"),))
    asks = [
        Ask("s", (turn,)),
        Ask("t", (turn,)),
        Ask("s", (Turn("user", (Text("b"),)),)),
        Ask("s", (turn,), TOOLS),
        Ask("s", (turn,), max_tokens=1),
        Ask("s", (turn,), force_tool=True),
    ]
    assert len({digest(ask) for ask in asks}) == len(asks)
    assert digest(Ask("s", (turn,))) == digest(Ask("s", (turn,)))
