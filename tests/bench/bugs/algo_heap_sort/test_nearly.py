from nearly import nearly_sorted


def test_sorted():
    assert list(nearly_sorted([3, 2, 1, 5, 4], 2)) == [1, 2, 3, 4, 5]


def test_far():
    assert list(nearly_sorted([5, 4, 3, 2, 1], 4)) == [1, 2, 3, 4, 5]
