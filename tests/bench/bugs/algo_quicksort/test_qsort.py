from qsort import quicksort


def test_distinct():
    assert quicksort([3, 1, 2]) == [1, 2, 3]


def test_doubles():
    assert quicksort([1, 2, 6, 72, 7, 33, 4, 1]) == [1, 1, 2, 4, 6, 7, 33, 72]


def test_empty():
    assert quicksort([]) == []
