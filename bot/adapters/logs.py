"""Structured logs: one JSON object a line on standard error, with every known secret taken out."""

import sys
from collections.abc import Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import structlog

from bot.domain.redaction import Redaction

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def logger(level: str, hidden: Redaction, zone: str) -> Callable[..., None]:
    """Return `log(event, *, level="info", **fields)` for a zone; levels are debug, info, warning and error.

    What is below the zone's own `level` is left out, and what is `hidden` is taken out.
    """
    bound = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _redact(hidden),
            structlog.processors.JSONRenderer(ensure_ascii=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
    ).bind(zone=zone)

    def log(event: str, *, level: str = "info", **fields: object) -> None:
        bound.log(LEVELS[level], event, **fields)

    return log


def passwords_in(url: str) -> tuple[str, ...]:
    """Return the passwords inside an address, as they are written there and as they are meant."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ()
    asked = [value for name, value in parse_qsl(parts.query) if name == "password"]
    written = parts.password or ""
    return tuple({found for found in (written, unquote(written), *asked) if found})


def _redact(hidden: Redaction) -> structlog.typing.Processor:
    def clean(value: object) -> object:
        match value:
            case str():
                return hidden.clean(value)
            case dict():
                return {key: clean(one) for key, one in value.items()}
            case list() | tuple():
                return [clean(one) for one in value]
            case _:
                return value

    def process(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {key: clean(value) for key, value in event.items()}

    return process
