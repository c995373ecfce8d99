"""For how long a forge wants us to stay away, as its headers say. Names of headers are in lower case here."""

import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime


def seconds(text: str, otherwise: float) -> float:
    """Return a number of seconds that is not negative, `otherwise` for what is no number."""
    try:
        value = float(text)
    except ValueError:
        return otherwise
    return max(0.0, value) if math.isfinite(value) else otherwise


def until(reset: str, headers: Mapping[str, str]) -> float:
    """Return the seconds, one at least, until a time since the epoch; it is on the forge's clock, not on ours."""
    return max(1.0, seconds(reset, 0.0) - _now(headers))


def _now(headers: Mapping[str, str]) -> float:
    try:
        return parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError):
        return time.time()
