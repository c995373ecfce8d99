from access.rules import may_edit, may_read
from access.users import User


def test_more():
    public = {"owner": "bob", "public": True}
    assert may_read(User("eve"), public)
    assert not may_edit(User("eve"), public)
    assert not may_edit(User("eve", ["editor"]), public)
    assert may_edit(User("bob", ["admin"]), public)
    assert not may_edit(User("x", ["admin"], active=False), public)
