from primes import primes


def test_small():
    assert primes(10) == [2, 3, 5, 7]


def test_none():
    assert primes(1) == []
