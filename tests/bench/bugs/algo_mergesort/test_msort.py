from msort import mergesort


def test_sort():
    assert mergesort([3, 1, 2]) == [1, 2, 3]


def test_one():
    assert mergesort([5]) == [5]


def test_empty():
    assert mergesort([]) == []
