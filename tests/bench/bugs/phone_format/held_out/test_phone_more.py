from phone.numbers import normalise


def test_more():
    assert normalise("001 212 555") == "+1212555"
    assert normalise("(089) 77", country="43") == "+438977"
    assert normalise(" +1 (212) 555") == "+1212555"
