from towers import moves


def test_none():
    assert moves(0) == []


def test_two():
    assert moves(2) == [(1, 2), (1, 3), (2, 3)]
