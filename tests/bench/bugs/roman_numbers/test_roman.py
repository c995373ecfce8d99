import pytest

from roman import from_roman, to_roman


@pytest.mark.parametrize("text, number", [("III", 3), ("IX", 9), ("XIV", 14), ("MMXXIV", 2024)])
def test_both_ways(text, number):
    assert from_roman(text) == number
    assert to_roman(number) == text
