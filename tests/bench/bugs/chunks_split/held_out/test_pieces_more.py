from pieces.split import chunks, rotate


def test_more():
    assert chunks([], 3) == []
    assert chunks([1, 2, 3], 3) == [[1, 2, 3]]
    assert chunks("abcdefg", 3) == ["abc", "def", "g"]
    assert rotate([1, 2, 3], 3) == [1, 2, 3]
    assert rotate([1, 2], -1) == [2, 1]
