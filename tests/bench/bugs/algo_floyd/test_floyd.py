from floyd import FAR, all_lengths


def test_three():
    found = all_lengths("abc", {("a", "b"): 3, ("b", "c"): 4})
    assert found["a", "c"] == 7
    assert found["c", "a"] == FAR


def test_shortcut():
    found = all_lengths("abc", {("a", "b"): 9, ("a", "c"): 1, ("c", "b"): 2})
    assert found["a", "b"] == 3
