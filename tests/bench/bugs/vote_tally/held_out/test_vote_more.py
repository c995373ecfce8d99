from vote.tally import tally, winners


def test_many():
    assert tally("mississippi") == {"m": 1, "i": 4, "s": 4, "p": 2}
    assert winners("mississippi") == ["i", "s"]
