from wrapping import wrap

TEXT = "The leaves did not stir on the trees"


def test_all_there():
    assert "".join(wrap(TEXT, 12)) == TEXT


def test_lines():
    assert wrap("aa bb cc", 5) == ["aa", " bb", " cc"]


def test_short():
    assert wrap("hello", 10) == ["hello"]
