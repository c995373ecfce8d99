from phone.numbers import normalise


def test_national():
    assert normalise("030 1234-56") == "+4930123456"


def test_international():
    assert normalise("+44 20 7946") == "+44207946"


def test_zeros():
    assert normalise("0044 20 7946") == "+44207946"
