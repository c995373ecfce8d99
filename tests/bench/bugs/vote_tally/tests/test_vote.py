from vote.tally import tally, winners


def test_tally():
    assert tally(["a", "b", "a"]) == {"a": 2, "b": 1}


def test_tie():
    assert winners(["b", "a"]) == ["a", "b"]


def test_nobody():
    assert winners([]) == []
