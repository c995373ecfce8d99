from layout.lines import break_lines


def test_exact():
    assert break_lines("ab cd ef", 5) == ["ab cd", "ef"]
    assert break_lines("a b c", 1) == ["a", "b", "c"]
    assert break_lines("   ", 4) == []
