from bits import count_ones


def test_more():
    assert [count_ones(n) for n in (3005, 13, 14, 27, 834, 254, 256)] == [9, 3, 3, 4, 4, 7, 1]
