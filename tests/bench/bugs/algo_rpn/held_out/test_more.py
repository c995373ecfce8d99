from rpn import evaluate


def test_more():
    assert evaluate([3, 5, "+", 2, "/"]) == 4
    assert evaluate([10, 2, 3, "*", "-"]) == 4
