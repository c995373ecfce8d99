from binsearch import find


def test_more():
    values = [2, 4, 6, 8, 10, 12, 14]
    assert [find(values, value) for value in values] == list(range(7))
    assert find(values, 15) == -1
    assert find(values, 1) == -1
