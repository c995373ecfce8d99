from rising import longest_rising


def test_mixed():
    assert longest_rising([4, 2, 1]) == 1
    assert longest_rising([5, 1, 3, 4, 7]) == 4


def test_later_small():
    assert longest_rising([1, 3, 5, 2, 4, 0]) == 3


def test_empty():
    assert longest_rising([]) == 0
