from figures.summary import largest, mean, spread


def test_largest():
    assert largest([3, 9, 2]) == 9


def test_all_negative():
    assert largest([-5, -2, -9]) == -2


def test_mean():
    assert mean([1, 2, 3]) == 2


def test_spread():
    assert spread([4, 1, 6]) == 5
