import pytest

from bank.account import Account
from bank.errors import InsufficientFunds
from bank.transfers import transfer


def test_transfer():
    a, b = Account("ann", 50), Account("bob")
    assert transfer(a, b, 20) == (30, 20)


def test_too_much():
    a = Account("ann", 10)
    with pytest.raises(InsufficientFunds):
        a.withdraw(11)
    assert a.balance == 10


def test_negative():
    with pytest.raises(ValueError):
        Account("ann", 5).withdraw(-1)
