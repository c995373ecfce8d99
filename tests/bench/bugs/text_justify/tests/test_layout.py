from layout.box import box
from layout.lines import break_lines


def test_two_lines():
    assert break_lines("one two three", 8) == ["one two", "three"]


def test_one_line():
    assert break_lines("hello", 10) == ["hello"]


def test_nothing():
    assert break_lines("", 10) == []


def test_box():
    assert box("hi", 4) == "+------+\n| hi   |\n+------+"
