import pytest

from weather.units import to_celsius


def test_more():
    assert to_celsius(-40) == pytest.approx(-40)
    assert to_celsius(98.6) == pytest.approx(37)
    assert to_celsius(0) == pytest.approx(-17.7777, abs=0.01)
