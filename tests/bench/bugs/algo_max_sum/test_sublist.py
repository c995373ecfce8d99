from sublist import max_sum


def test_mixed():
    assert max_sum([4, -5, 2, 1, -1, 3]) == 5


def test_all_negative():
    assert max_sum([-3, -2]) == 0


def test_all_positive():
    assert max_sum([1, 2]) == 3
