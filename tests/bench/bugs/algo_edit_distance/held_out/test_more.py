from edits import distance


def test_more():
    assert distance("kitten", "sitting") == 3
    assert distance("hello", "olleh") == 4
    assert distance("a", "b") == 1
