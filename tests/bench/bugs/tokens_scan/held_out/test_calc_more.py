from calc.evaluate import evaluate
from calc.tokens import tokenize


def test_more():
    assert tokenize("7") == [7]
    assert tokenize(" 10-2 ") == [10, "-", 2]
    assert evaluate("10 - 2 - 3") == 5
    assert evaluate("2*3*4-5*2") == 14
