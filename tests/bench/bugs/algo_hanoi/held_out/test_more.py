from towers import moves


def test_more():
    assert moves(1) == [(1, 3)]
    assert moves(2, 1, 2) == [(1, 3), (1, 2), (3, 2)]
    assert len(moves(5)) == 31
