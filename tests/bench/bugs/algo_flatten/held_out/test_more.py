from flat import flatten


def test_more():
    assert list(flatten(["ab", ["c", ["d"]]])) == ["ab", "c", "d"]
    assert list(flatten([1])) == [1]
