from chain.links import Chain


def test_twice():
    chain = Chain("abcde")
    chain.reverse()
    assert chain.values() == list("edcba")
    chain.reverse()
    assert chain.values() == list("abcde")
