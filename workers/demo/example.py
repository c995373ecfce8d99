"""The example repository of the demonstration: a small shop whose discount is off by a boundary."""

ISSUE_TITLE = "Orders of exactly 100 get no discount"
ISSUE_BODY = """\
The price list says: *10 % off for orders of 100 or more*. A customer ordered for exactly 100 and paid 100.

`tests/test_pricing.py::test_discount_begins_at_one_hundred` shows it:

```
    def test_discount_begins_at_one_hundred():
>       assert total([("lamp", 2, 50)]) == 90
E       assert 100 == 90
```
"""

FILES = {
    "README.md": "# Shop\n\nA small shop. Run the tests with `python -m pytest`.\n",
    "shop/__init__.py": "",
    "shop/pricing.py": '''\
"""Prices of orders."""

DISCOUNT_FROM = 100
DISCOUNT_PERCENT = 10


def subtotal(lines):
    """Return the sum of quantity times price over (name, quantity, price) lines."""
    return sum(quantity * price for _, quantity, price in lines)


def total(lines):
    """Return what the customer pays: 10 % off for orders of 100 or more."""
    amount = subtotal(lines)
    if amount > DISCOUNT_FROM:
        amount -= amount * DISCOUNT_PERCENT // 100
    return amount
''',
    "shop/stock.py": '''\
"""What is on the shelf."""


class Stock:
    """Counts items by name."""

    def __init__(self, counts=None):
        self.counts = dict(counts or {})

    def take(self, name, quantity):
        """Take items off the shelf; raises ValueError when there are too few."""
        if self.counts.get(name, 0) < quantity:
            raise ValueError(f"only {self.counts.get(name, 0)} of {name} left")
        self.counts[name] -= quantity
        return self.counts[name]
''',
    "tests/test_pricing.py": """\
from shop.pricing import subtotal, total


def test_subtotal_adds_lines():
    assert subtotal([("lamp", 2, 30), ("cable", 3, 5)]) == 75


def test_small_orders_pay_in_full():
    assert total([("cable", 3, 5)]) == 15


def test_discount_for_large_orders():
    assert total([("desk", 1, 200)]) == 180


def test_discount_begins_at_one_hundred():
    assert total([("lamp", 2, 50)]) == 90
""",
    "tests/test_stock.py": """\
import pytest

from shop.stock import Stock


def test_taking_lowers_the_count():
    assert Stock({"lamp": 3}).take("lamp", 2) == 1


def test_taking_too_many_is_refused():
    with pytest.raises(ValueError, match="only 1"):
        Stock({"lamp": 1}).take("lamp", 2)
""",
}

SCRIPT = {
    "turns": [
        {
            "say": "I look at the pricing first.",
            "call": {"name": "files.read", "arguments": {"path": "shop/pricing.py"}},
        },
        {
            "call": {
                "name": "files.edit",
                "arguments": {
                    "path": "shop/pricing.py",
                    "search": "if amount > DISCOUNT_FROM:",
                    "replace": "if amount >= DISCOUNT_FROM:",
                },
            }
        },
        {"call": {"name": "tests.execute", "arguments": {}}},
        {"call": {"name": "finish", "arguments": {"summary": "The discount now begins at exactly 100."}}},
    ]
}
