from common import lcs


def test_more():
    assert lcs("daenarys", "targaryen") == "aary"
    assert lcs("banana", "bn") == "bn"
    assert lcs("aaa", "aa") == "aa"
