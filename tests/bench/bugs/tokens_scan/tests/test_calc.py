from calc.evaluate import evaluate
from calc.tokens import tokenize


def test_tokens():
    assert tokenize("12 + 3*45") == [12, "+", 3, "*", 45]


def test_sum():
    assert evaluate("1 + 2 + 30") == 33


def test_precedence():
    assert evaluate("2 + 3 * 4 - 1") == 13
