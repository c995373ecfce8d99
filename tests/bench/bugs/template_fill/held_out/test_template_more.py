from template.fill import fill


def test_more():
    assert fill("{a:title} of {b}", {"a": "lord", "b": "x"}) == "Lord of x"
    assert fill("{q}", {}) == ""
    assert fill("none", {"none": 1}) == "none"
    assert fill("{q:upper}", {}, default="n") == "N"
