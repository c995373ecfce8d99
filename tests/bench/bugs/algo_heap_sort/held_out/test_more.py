from nearly import nearly_sorted


def test_more():
    assert list(nearly_sorted([1, 2, 3], 0)) == [1, 2, 3]
    assert list(nearly_sorted([2, 1, 4, 3, 6, 5], 1)) == [1, 2, 3, 4, 5, 6]
    assert list(nearly_sorted([], 3)) == []
