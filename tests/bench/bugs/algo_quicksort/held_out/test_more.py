from qsort import quicksort


def test_more():
    for values in ([5, 5, 5], [2, 1, 2, 1], [9], list("banana")):
        assert quicksort(values) == sorted(values)
