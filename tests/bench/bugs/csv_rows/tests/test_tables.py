from tables import read_rows


def test_numbers():
    assert read_rows("a,b\n1,2") == [{"a": 1, "b": 2}]


def test_spaces():
    assert read_rows("name , age\n ann , 31\n") == [{"name": "ann", "age": 31}]


def test_missing():
    assert read_rows("a,b\n1, ") == [{"a": 1, "b": None}]


def test_nothing():
    assert read_rows("") == []
