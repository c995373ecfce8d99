from cipher import decrypt, encrypt


def test_large_keys():
    assert encrypt("a", 27) == "b"
    assert decrypt("a", 1) == "z"
    assert encrypt("z!", 26) == "z!"
    assert encrypt("m", 60) == "u"
