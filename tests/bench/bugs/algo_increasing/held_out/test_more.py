from rising import longest_rising


def test_more():
    assert longest_rising([0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15]) == 6
    assert longest_rising([10, 22, 9, 33, 21, 50, 41, 60, 80]) == 6
    assert longest_rising([7, 10, 9, 2, 3, 8, 1]) == 3
