import pytest

from roots import root


def test_two():
    assert root(2, 0.01) == pytest.approx(1.4166, abs=0.01)


def test_nine():
    assert root(9, 0.001) == pytest.approx(3, abs=0.01)
