from perms import next_permutation


def test_next():
    assert next_permutation([3, 2, 4, 1]) == [3, 4, 1, 2]
    assert next_permutation([1, 2, 3]) == [1, 3, 2]


def test_last():
    assert next_permutation([3, 2, 1]) is None
