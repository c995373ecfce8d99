from library.desk import Desk
from library.models import Copy, Member


def test_back_twice():
    desk, copy, member = Desk(), Copy("x"), Member("m")
    desk.lend(copy, member)
    assert desk.take_back(copy)
    assert copy.borrower is None
    assert member.loans == []
    assert not desk.take_back(copy)
