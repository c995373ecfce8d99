from roman import from_roman, to_roman


def test_round():
    for number in (1, 4, 8, 40, 49, 88, 90, 400, 999, 1666, 3999):
        assert from_roman(to_roman(number)) == number
    assert to_roman(1994) == "MCMXCIV"
