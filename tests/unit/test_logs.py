"""The log: one JSON object a line, at its level, without a secret in it."""

import json

import pytest

from bot.adapters.logs import logger, passwords_in
from bot.domain.redaction import HIDDEN, Redaction


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_says_event_level_zone_and_time(capsys: pytest.CaptureFixture[str]) -> None:
    logger("info", Redaction(), "broker")("dead", level="error", job="advance")
    (line,) = lines(capsys)
    assert line.pop("timestamp")
    assert line == {"event": "dead", "level": "error", "zone": "broker", "job": "advance"}


def test_what_is_below_the_level_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    log = logger("warning", Redaction(), "broker")
    log("usual")
    log("unavailable", level="warning")
    log("crashed", level="error")
    assert [line["event"] for line in lines(capsys)] == ["unavailable", "crashed"]


def test_secrets_are_taken_out_even_of_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    log = logger("info", Redaction(["hunter2"]), "broker")
    try:
        raise ValueError("the key hunter2 is wrong")
    except ValueError as error:
        log("crashed", level="error", error=str(error), exc_info=True)
    (line,) = lines(capsys)
    assert line["error"] == f"the key {HIDDEN} is wrong"
    assert "hunter2" not in json.dumps(line)
    assert "Traceback" in str(line["exception"])


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("postgresql://me:p%40ss@db/x", ("p%40ss", "p@ss")),
        ("redis://:hunter2@127.0.0.1:6379/0", ("hunter2",)),
        ("postgresql://db/x?user=me&password=hunter2", ("hunter2",)),
        ("sqlite:////srv/journeyman.db", ()),
        ("redis://127.0.0.1:6379/0", ()),
        ("redis://[half", ()),
        ("", ()),
    ],
)
def test_the_passwords_inside_an_address_are_known(url: str, known: tuple[str, ...]) -> None:
    assert sorted(passwords_in(url)) == sorted(known)
