from binsearch import find


def test_found():
    assert find([3, 4, 5, 5, 5, 5, 6], 3) == 0
    assert find([1, 2, 3, 4, 6, 7, 8], 4) == 3


def test_missing():
    assert find([1, 2, 3, 4, 6, 7, 8], 5) == -1


def test_empty():
    assert find([], 0) == -1
