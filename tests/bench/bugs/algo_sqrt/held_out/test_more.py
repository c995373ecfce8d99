import pytest

from roots import root


def test_more():
    assert root(27, 0.01) == pytest.approx(5.196, abs=0.01)
    assert root(100, 0.001) == pytest.approx(10, abs=0.01)
