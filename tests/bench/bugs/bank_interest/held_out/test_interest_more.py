from savings import yearly_table


def test_empty():
    assert yearly_table(100, 0.5, 0) == []


def test_doubling():
    assert [row[2] for row in yearly_table(1, 1, 4)] == [2, 4, 8, 16]
