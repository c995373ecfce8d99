from msort import mergesort


def test_more():
    for values in ([5, 4, 3, 2, 1], [1, 1, 0, 1], list(range(20, 0, -3)), [2, 1]):
        assert mergesort(values) == sorted(values)
