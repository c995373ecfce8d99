from reorder.items import Item
from reorder.rules import needs_order, order_list


def test_at_minimum():
    assert needs_order(Item("a", 5, 5, 10))


def test_above():
    assert not needs_order(Item("a", 6, 5, 10))


def test_below_list():
    assert order_list([Item("a", 0, 5, 4), Item("b", 9, 5, 4)]) == {"a": 8}
