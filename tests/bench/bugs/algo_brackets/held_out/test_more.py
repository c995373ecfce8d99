from brackets import is_balanced


def test_more():
    assert is_balanced("")
    assert not is_balanced("(()")
    assert not is_balanced("(()))")
    assert is_balanced("()()")
