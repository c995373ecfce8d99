from reorder.items import Item
from reorder.rules import needs_order, order_list


def test_far():
    assert needs_order(Item("a", 0, 5, 1))
    assert not needs_order(Item("a", 100, 5, 1))


def test_exact():
    assert order_list([Item("a", 3, 3, 6)]) == {"a": 6}
