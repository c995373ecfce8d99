from kth import kth


def test_middle():
    assert kth([1, 2, 3, 4, 5, 6, 7], 4) == 5


def test_first():
    assert kth([3, 6, 7, 1, 6, 3, 8, 9], 0) == 1


def test_some():
    assert kth([3, 6, 7, 1, 6, 3, 8, 9], 5) == 7
