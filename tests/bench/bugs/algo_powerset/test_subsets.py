from subsets import powerset


def test_two():
    assert powerset(["a", "b"]) == [[], ["b"], ["a"], ["a", "b"]]


def test_empty():
    assert powerset([]) == [[]]
