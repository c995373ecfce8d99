import pytest

from bank.account import Account
from bank.errors import InsufficientFunds


def test_all_of_it():
    a = Account("ann", 10)
    a.withdraw(10)
    assert a.balance == 0


def test_far_too_much():
    with pytest.raises(InsufficientFunds):
        Account("ann", 10).withdraw(1000)


def test_less():
    a = Account("ann", 100)
    a.withdraw(1)
    assert a.balance == 99
