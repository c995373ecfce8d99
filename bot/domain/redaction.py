"""Secrets, and taking them out of text in every form in which they may turn up there."""

import base64
import json
import re
from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock
from urllib.parse import quote, quote_plus

HIDDEN = "[secret]"
SHORTEST = 8
"""Characters: what is shorter would be found inside ordinary words, so it is looked for as a word of its own."""
_MOST = 256
_LINE = 20


class Redaction:
    """The secrets that this process holds: those of its settings, and those that were issued to it since.

    The latest 256 issued ones are remembered, which is far more than can be in use at once. Safe from any thread.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._lock = Lock()
        kept = {secret for secret in secrets if secret}
        self._words = [_word(secret) for secret in kept if len(secret) < SHORTEST]
        self._fixed = _longest_first(form for secret in kept if len(secret) >= SHORTEST for form in forms(secret))
        self._issued: OrderedDict[str, tuple[str, ...]] = OrderedDict()

    def issued(self, secret: str) -> None:
        """Remember a secret that was issued just now, or is used once more."""
        with self._lock:
            if secret in self._issued:
                self._issued.move_to_end(secret)
            elif len(secret) >= SHORTEST:
                self._issued[secret] = forms(secret)
            while len(self._issued) > _MOST:
                self._issued.popitem(last=False)

    def clean(self, text: str) -> str:
        """Return the text with every known secret replaced."""
        with self._lock:
            issued = list(self._issued.values())
        for known in (*issued, self._fixed):
            text = hide(text, known)
        for word in self._words:
            text = word.sub(HIDDEN, text)
        return text


def hide(text: str, known: Iterable[str]) -> str:
    """Replace the forms of secrets in a text, in their order."""
    for form in known:
        text = text.replace(form, HIDDEN)
    return text


def forms(secret: str) -> tuple[str, ...]:
    """Return how a secret may be written, the longest first.

    Plain, as part of an address or of JSON, in hexadecimal digits, and inside anything that is written in base64 (an
    Authorization header, say), where its bytes may begin at three places of a group. A key of many lines also line by
    line.
    """
    raw = secret.encode()
    parts = [line for line in secret.split("\n") if len(line) >= _LINE and not line.startswith("-----")]
    found = {secret, json.dumps(secret)[1:-1], raw.hex(), raw.hex().upper(), *(parts if "\n" in secret else ())}
    for address in (quote(secret, safe=""), quote_plus(secret)):
        found |= {address, re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), address)}
    for offset in range(3):
        inside = _inside_base64(raw, offset)
        found |= {inside, inside.replace("+", "-").replace("/", "_")}
    return _longest_first(form for form in found if len(form) >= SHORTEST)


def _inside_base64(raw: bytes, offset: int) -> str:
    """Return the characters that depend on nothing but these bytes, `offset` bytes after the start of a group."""
    text = base64.b64encode(bytes(offset) + raw).decode()
    first, end = -(-offset * 8 // 6), (offset + len(raw)) * 8 // 6
    return text[first:end]


def _longest_first(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(found), key=lambda form: (-len(form), form)))


def _word(secret: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(secret)}(?!\w)")
