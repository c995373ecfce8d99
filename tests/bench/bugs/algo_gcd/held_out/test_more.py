from gcd import gcd


def test_more():
    assert gcd(624129, 2061517) == 18913
    assert gcd(3, 12) == 3
