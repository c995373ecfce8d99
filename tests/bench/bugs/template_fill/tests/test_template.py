from template.fill import fill


def test_plain():
    assert fill("Hi {name}", {"name": "ann"}) == "Hi ann"


def test_style():
    assert fill("{name:upper} {x}", {"name": "ann", "x": 1}) == "ANN 1"


def test_missing():
    assert fill("{a}-{b}", {"a": 1}, default="?") == "1-?"
