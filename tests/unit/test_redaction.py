"""Secrets are taken out of text in whatever form they turn up there."""

import base64
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from bot.domain.redaction import HIDDEN, Redaction

SECRET = 'ghs_A+b/c=d"e f~7Zq0'
FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "basic": lambda secret: base64.b64encode(f"x-access-token:{secret}".encode()).decode(),
    "base64 at 0": lambda secret: base64.b64encode(f"{secret}:after".encode()).decode(),
    "base64 at 1": lambda secret: base64.b64encode(f"a{secret}:after".encode()).decode(),
    "base64 at 2": lambda secret: base64.b64encode(f"ab{secret}".encode()).decode(),
    "base64 for addresses": lambda secret: base64.urlsafe_b64encode(f"ab{secret}".encode()).decode(),
    "address": lambda secret: quote(secret, safe=""),
    "address, small letters": lambda secret: re.sub("%..", lambda one: one[0].lower(), quote(secret, safe="")),
    "form": quote_plus,
    "json": lambda secret: json.dumps({"token": secret}),
    "hex": lambda secret: secret.encode().hex(),
    "HEX": lambda secret: secret.encode().hex().upper(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("when", ["configured", "issued"])
def test_no_form_of_a_secret_stays(form: str, when: str) -> None:
    hidden = Redaction([SECRET] if when == "configured" else ())
    if when == "issued":
        hidden.issued(SECRET)
    text = f"before {FORMS[form](SECRET)} after"
    cleaned = hidden.clean(text)
    assert HIDDEN in cleaned
    assert cleaned.startswith("before ")
    assert cleaned.endswith(" after")
    assert not [start for start in range(len(SECRET) - 8) if SECRET[start : start + 8] in cleaned]
    assert Redaction().clean(text) == text


def test_of_what_base64_holds_beside_the_secret_nothing_of_the_secret_is_left() -> None:
    hidden = Redaction([SECRET])
    for before in ("", "a", "ab", "x-access-token:", "user:"):
        cleaned = hidden.clean(base64.b64encode(f"{before}{SECRET}".encode()).decode())
        left, _, right = cleaned.partition(HIDDEN)
        assert len(left) <= -(-len(before) * 8 // 6) + 1
        assert len(right) <= 3
        decoded = base64.b64decode(left[: len(left) // 4 * 4])
        assert decoded == before.encode()[: len(decoded)]


def test_a_key_of_many_lines_goes_line_by_line() -> None:
    lines = [
        "-----BEGIN RSA PRIVATE KEY-----",
        "MIIEowIBAAKCAQEA0123456789abcdef",
        "fedcba9876543210fedcba",
        "-----END",
    ]
    pem = "\n".join(lines)
    hidden = Redaction([pem])
    assert hidden.clean(f"x {pem} x") == f"x {HIDDEN} x"
    assert hidden.clean(f"could not read {lines[1]}") == f"could not read {HIDDEN}"
    assert lines[2] not in hidden.clean(json.dumps({"key": pem[10:]}))


def test_a_short_secret_is_hidden_as_a_word_only() -> None:
    hidden = Redaction(["ok", "hunter2", ""])
    assert hidden.clean("a token is broken: ok") == f"a token is broken: {HIDDEN}"
    assert hidden.clean("redis://:hunter2@db") == f"redis://:{HIDDEN}@db"
    hidden.issued("it")
    assert hidden.clean("it is written") == "it is written"


def test_the_latest_are_remembered_and_using_one_keeps_it() -> None:
    hidden = Redaction()
    hidden.issued("the-first-token")
    for number in range(255):
        hidden.issued(f"token-number-{number:04}")
    hidden.issued("the-first-token")
    hidden.issued("token-one-more")
    assert hidden.clean("the-first-token token-one-more") == f"{HIDDEN} {HIDDEN}"
    assert hidden.clean("token-number-0000") == "token-number-0000"
