from library.desk import Desk
from library.models import Copy, Member


def test_lend():
    desk, copy, member = Desk(), Copy("Emma"), Member("ann")
    assert desk.lend(copy, member)
    assert member.loans == [copy]


def test_lent_again():
    desk, copy = Desk(), Copy("Emma")
    desk.lend(copy, Member("ann"))
    assert desk.take_back(copy)
    assert desk.lend(copy, Member("bob"))


def test_limit():
    desk, member = Desk(), Member("ann", limit=1)
    assert desk.lend(Copy("a"), member)
    assert not desk.lend(Copy("b"), member)


def test_not_lent():
    assert not Desk().take_back(Copy("a"))
