from depth.tree import depth


def test_more():
    assert depth(("a", ("b",), ("c", ("d", ("e",))))) == 4
    assert depth(("a", ("b", ("c",), ("d",)), ("e",))) == 3
