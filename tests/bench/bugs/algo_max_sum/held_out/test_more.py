from sublist import max_sum


def test_more():
    assert max_sum([-2, 1, -3, 4, -1, 2, 1, -5, 4]) == 6
    assert max_sum([0, -1, 2, -1, 3, -1, 0]) == 4
