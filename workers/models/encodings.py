"""The disguises in which a scripted model passes on what it has read: `${OUTPUT}` and `${OUTPUT:base64}`."""

import base64
import codecs
import gzip
import re
from collections.abc import Callable, Mapping
from typing import Any

ENCODINGS: Mapping[str, Callable[[str], str]] = {
    "base64": lambda text: base64.b64encode(_bytes(text)).decode(),
    "hex": lambda text: _bytes(text).hex(),
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "reversed": lambda text: text[::-1],
    "spaced": " ".join,
    "dashed": "-".join,
    "gzip": lambda text: base64.b64encode(gzip.compress(_bytes(text), mtime=0)).decode(),
    "skip7": lambda text: text[7:],
    "zero_width": "\u200b".join,
    "soft_hyphen": "\u00ad".join,
}
_OUTPUT = re.compile(r"\$\{OUTPUT(?::([a-z0-9_]+))?\}")


def fill(value: Any, output: str) -> Any:
    """Put `output` in the place of its placeholders in every text of a value; unknown encodings stay as written."""
    match value:
        case str():
            return _OUTPUT.sub(lambda found: _encoded(found, output), value)
        case list():
            return [fill(item, output) for item in value]
        case dict():
            return {key: fill(item, output) for key, item in value.items()}
        case _:
            return value


def _encoded(found: re.Match[str], output: str) -> str:
    if found[1] is None:
        return output
    return ENCODINGS[found[1]](output) if found[1] in ENCODINGS else found[0]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
