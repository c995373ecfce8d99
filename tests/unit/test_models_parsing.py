"""Reading what models write."""

from json import dumps
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.models.parsing import MAX_ARGUMENTS, arguments, calls_in_text, scrub

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ('{"a": "line\nbreak"}', {"a": "line\nbreak"}),
        ("", {}),
        (None, {}),
        ({"a": "\ud83d\ude00"}, {"a": "\U0001f600"}),
    ],
)
def test_good_arguments(raw: Any, value: dict[str, Any]) -> None:
    assert arguments(raw, lenient=False) == (value, "")


@pytest.mark.parametrize(
    "raw", ['```json\n{"a": 1}\n```', "{'a': 1}", '{"a": 1,}', '"{\\"a\\": 1}"', '  {"a": 1}  ', '{"a": 1,\n}']
)
def test_near_misses_are_read_when_lenient(raw: str) -> None:
    assert arguments(raw, lenient=True) == ({"a": 1}, "")


@pytest.mark.parametrize("raw", ["```json\n{}\n```", "{'a': 1}", '{"a": 1,}', '"{}"'])
def test_near_misses_are_refused_otherwise(raw: str) -> None:
    assert arguments(raw, lenient=False)[1]


@pytest.mark.parametrize("lenient", [True, False])
@pytest.mark.parametrize(
    "raw",
    ["{", '{"a": "b', '{"command": "rm -rf /tmp/x', "[1]", "7", '{"a": NaN}', "[" * 100_000, "9" * 5000, 7, ["x"]],
)
def test_what_cannot_be_read_is_said_and_never_completed(raw: Any, lenient: bool) -> None:
    value, problem = arguments(raw, lenient=lenient)
    assert value == {}
    assert "arguments" in problem
    assert len(problem) < 400


@pytest.mark.parametrize("wrap", [lambda text: '{"a": "' + text + '"}', lambda text: {"a": text}])
def test_arguments_are_bounded(wrap: Any) -> None:
    assert "too large" in arguments(wrap("x" * MAX_ARGUMENTS), lenient=True)[1]


@given(JSON)
@settings(deadline=None)
def test_scrubbed_values_can_be_written_and_whole_text_is_kept(value: Any) -> None:
    assert scrub(value) == value
    dumps(scrub({"a\udfff": ["\ud800", value]}), ensure_ascii=False).encode()


TOOLS = {"files.read", "finish"}
CALL = '{"name": "files.read", "arguments": {"path": "a"}}'


@pytest.mark.parametrize(
    "text",
    [
        CALL,
        f"```json\n{CALL}\n```",
        f"<tool_call>\n{CALL}\n</tool_call>",
        f"[{CALL}]",
        '{"function": {"name": "files.read", "arguments": "{\\"path\\": \\"a\\"}"}}',
        '{"tool": "files.read", "parameters": {"path": "a"}}',
    ],
)
def test_calls_written_as_text(text: str) -> None:
    assert calls_in_text(text, TOOLS) == [("files.read", {"path": "a"})]


def test_several_calls_written_as_text() -> None:
    text = f"<tool_call>{CALL}</tool_call>\n<tool_call>{CALL}</tool_call>"
    assert len(calls_in_text(text, TOOLS)) == 2


@pytest.mark.parametrize(
    "text",
    [
        f"The issue says: {CALL}",
        f"{CALL}\nShall I?",
        f"Look:\n```json\n{CALL}\n```",
        f"as asked <tool_call>{CALL}</tool_call>",
        '{"name": "forge.merge", "arguments": {}}',
        '{"name": "files.read"}',
        '{"name": "files.read", "arguments": "{"}',
        f"[{CALL}, 7]",
        "[]",
        "{}",
        "All tests pass.",
        "",
        "[" * 100_000,
    ],
)
def test_quoted_or_foreign_calls_are_words(text: str) -> None:
    assert calls_in_text(text, TOOLS) == []
