from change import ways


def test_few():
    assert ways([5, 10, 25], 15) == 2


def test_zero():
    assert ways([1], 0) == 1


def test_one():
    assert ways([1, 4, 2], 4) == 4 or ways([1, 4, 2], 4) == 3
