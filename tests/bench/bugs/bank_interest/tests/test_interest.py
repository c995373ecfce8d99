import pytest

from savings import compound, yearly_table


def test_compound_yearly():
    assert compound(100, 0.1, 2) == pytest.approx(121)


def test_table_grows():
    assert yearly_table(100, 0.1, 3) == [(1, 10.0, 110.0), (2, 11.0, 121.0), (3, 12.1, 133.1)]


def test_table_one_year():
    assert yearly_table(1000, 0.05, 1) == [(1, 50.0, 1050.0)]
