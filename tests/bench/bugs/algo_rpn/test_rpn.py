from rpn import evaluate


def test_plus():
    assert evaluate([2, 2, "+"]) == 4


def test_minus():
    assert evaluate([7, 4, "-", 3, "*"]) == 9
