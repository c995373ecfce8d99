"""Commands: which comments are one, and which."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.commands import (
    VERBS,
    Approve,
    Budget,
    Command,
    Explain,
    Fix,
    Help,
    Plan,
    Retry,
    Revise,
    Stop,
    Unknown,
    Why,
    parse,
)

TABLE: list[tuple[str, Command | None]] = [
    ("/agent fix", Fix()),
    ("/agent fix only the parser", Fix("only the parser")),
    ("/agent fix\nonly the parser\nplease", Fix("only the parser\nplease")),
    ("/agent fix one\r\ntwo", Fix("one\ntwo")),
    ("/agent  FIX   now ", Fix("now")),
    ("/AGENT HELP", Help()),
    ("/Agent fix", Fix()),
    ("/agent fi\u200bx", Fix()),
    ("/agent \u2066stop\u2069", Stop()),
    ("/agent fix\u200b now", Fix("now")),
    ("/agent \u200b", Help()),
    ("/agent fi\u200bxx", Unknown("fixx", "fix")),
    ("/agent\tfix", Fix()),
    ("/agent plan", Plan()),
    ("/agent plan small steps", Plan("small steps")),
    ("/agent approve", Approve()),
    ("/agent approve ABCDEF01 thanks", Approve("abcdef01")),
    ("/agent stop", Stop()),
    ("/agent stop\nnow", Stop()),
    ("/agent retry", Retry()),
    ("/agent why", Why()),
    ("/agent revise", Revise()),
    ("/agent revise name it total\nand test it", Revise("name it total\nand test it")),
    ("/agent explain", Explain()),
    ("/agent explain tests are green\nplease", Explain("tests are green")),
    ("/agent budget", Budget()),
    ("/agent budgte", Unknown("budgte", "budget")),
    ("/agent help", Help()),
    ("/agent", Help()),
    ("/agent   ", Help()),
    ("/agent\n", Help()),
    ("/agent frobnicate", Unknown("frobnicate", "")),
    ("/agent fixx", Unknown("fixx", "fix")),
    ("/agent aprove x", Unknown("aprove", "approve")),
    ("/agent why?", Unknown("why?", "why")),
    ("", None),
    ("\n/agent fix", None),
    (" /agent fix", None),
    ("    /agent fix", None),
    ("> /agent fix", None),
    ("`/agent fix`", None),
    ("```\n/agent fix\n```", None),
    ("<!-- -->\n/agent fix", None),
    ("please /agent fix", None),
    ("thanks!\n/agent stop", None),
    ("/agents fix", None),
    ("/agentfix", None),
    ("\ufeff/agent fix", None),
    ("@journeyman fix", None),
]


@pytest.mark.parametrize(("comment", "wanted"), TABLE)
def test_a_comment_is_the_command_of_its_first_line(comment: str, wanted: Command | None) -> None:
    assert parse(comment) == wanted


def test_every_verb_is_known() -> None:
    assert not [verb for verb in VERBS if isinstance(parse(f"/agent {verb}"), Unknown | None)]


@given(st.text())
def test_no_comment_crashes_the_parser(text: str) -> None:
    assert parse(text) is None or text.lower().startswith("/agent")


@given(st.text())
def test_nothing_after_the_prefix_crashes_the_parser(text: str) -> None:
    found = parse(f"/agent {text}")
    assert found is not None


def test_a_huge_word_is_answered_at_once() -> None:
    began = time.monotonic()
    found = parse("/agent " + "fix" * 20_000)
    assert isinstance(found, Unknown)
    assert time.monotonic() - began < 2
