from depth.tree import depth, leaves

TREE = ("a", ("b", ("c",)), ("d",))


def test_depth():
    assert depth(TREE) == 3


def test_leaf():
    assert depth(("x",)) == 1


def test_empty():
    assert depth(()) == 0


def test_leaves():
    assert leaves(TREE) == ["c", "d"]
