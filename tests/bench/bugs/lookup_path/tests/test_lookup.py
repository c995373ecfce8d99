from lookup.path import dig, has

DOCUMENT = {"user": {"name": "ann", "age": None}, "tags": ["a"]}


def test_found():
    assert dig(DOCUMENT, "user.name") == "ann"


def test_missing():
    assert dig(DOCUMENT, "user.mail", "-") == "-"


def test_through_none():
    assert dig(DOCUMENT, "user.age.years", 0) == 0


def test_has():
    assert has(DOCUMENT, "user.age")
    assert not has(DOCUMENT, "nobody")
