from edits import distance


def test_words():
    assert distance("kitten", "sitten") == 1
    assert distance("flaw", "lawn") == 2


def test_same():
    assert distance("abc", "abc") == 0


def test_empty():
    assert distance("", "abc") == 3
