from cipher import decrypt, encrypt


def test_encrypt():
    assert encrypt("abc", 1) == "bcd"


def test_wraps():
    assert encrypt("xyz", 3) == "abc"


def test_round():
    assert decrypt(encrypt("hello world", 7), 7) == "hello world"
