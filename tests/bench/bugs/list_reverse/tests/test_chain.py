from chain.links import Chain


def test_values():
    assert Chain([1, 2, 3]).values() == [1, 2, 3]


def test_reverse():
    chain = Chain([1, 2, 3])
    chain.reverse()
    assert chain.values() == [3, 2, 1]


def test_reverse_empty():
    chain = Chain()
    chain.reverse()
    assert chain.values() == []
