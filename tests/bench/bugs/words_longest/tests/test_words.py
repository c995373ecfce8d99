from words.count import frequencies, most_common


def test_counts():
    assert frequencies("a b a, B.") == {"a": 2, "b": 2}


def test_single():
    assert frequencies("Hello") == {"hello": 1}


def test_common():
    assert most_common("x y y z z", 2) == ["y", "z"]
