from access.rules import may_edit, may_read
from access.users import User

DOCUMENT = {"owner": "ann", "public": False}


def test_owner():
    assert may_edit(User("ann"), DOCUMENT)


def test_admin():
    assert may_edit(User("root", ["admin"]), DOCUMENT)


def test_stranger():
    assert not may_read(User("eve"), DOCUMENT)


def test_inactive():
    assert not may_edit(User("ann", active=False), DOCUMENT)
