from notes.note import Note


def test_apart():
    one, two = Note("1"), Note("2")
    one.tag("a")
    assert two.tags == []
    assert Note("3").tags == []
    assert Note("4", ["q"]).tags == ["q"]
