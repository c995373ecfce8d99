from tables import read_rows
from tables.cells import convert


def test_tabs():
    assert read_rows("x;y\n\tfoo ; 5", separator=";") == [{"x": "foo", "y": 5}]


def test_convert():
    assert convert("  7 ") == 7
    assert convert("   ") is None
    assert convert(" a b ") == "a b"
