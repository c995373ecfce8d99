from lookup.path import dig


def test_more():
    assert dig({"a": 5}, "a.b", "d") == "d"
    assert dig({"a": {"b": 0}}, "a.b", 9) == 0
    assert dig({"a": None}, "a.b.c") is None
    assert dig({}, "x", 1) == 1
