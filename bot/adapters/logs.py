"""Structured logs: one JSON object a line on standard error, with every known secret taken out."""

import sys
from collections.abc import Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import structlog

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
HIDDEN = "[secret]"


def logger(level: str, secrets: tuple[str, ...], zone: str) -> Callable[..., None]:
    """Return `log(event, *, level="info", **fields)` for a zone; levels are debug, info, warning and error.

    What is below the zone's own `level` is left out.
    """
    bound = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _redact(secrets),
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


def _redact(secrets: tuple[str, ...]) -> structlog.typing.Processor:
    known = sorted((secret for secret in secrets if secret), key=len, reverse=True)

    def clean(value: object) -> object:
        if not isinstance(value, str):
            return value
        for secret in known:
            value = value.replace(secret, HIDDEN)
        return value

    def process(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {key: clean(value) for key, value in event.items()}

    return process
