from bits import count_ones


def test_small():
    assert count_ones(127) == 7
    assert count_ones(128) == 1


def test_zero():
    assert count_ones(0) == 0
