from common import lcs


def test_words():
    assert lcs("headache", "pentadactyl") == "eadac"


def test_doubles():
    assert lcs("a", "aa") == "a"


def test_nothing():
    assert lcs("abc", "xyz") == ""
