from yard import postfix


def test_more():
    assert postfix([4, "+", 9, "*", 9, "-", 10, "+", 13]) == [4, 9, 9, "*", "+", 10, "-", 13, "+"]
    assert postfix([]) == []
