from subsets import powerset


def test_more():
    assert len(powerset([1, 2, 3, 4])) == 16
    assert powerset([1]) == [[], [1]]
    assert [1, 3] in powerset([1, 2, 3])
