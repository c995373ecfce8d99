from sack import knapsack


def test_two():
    assert knapsack(100, [(60, 10), (50, 8), (20, 4), (20, 4), (8, 3), (3, 2)]) == 19


def test_exact():
    assert knapsack(40, [(30, 10), (50, 5), (10, 20), (40, 25)]) == 30


def test_exact_one():
    assert knapsack(5, [(5, 9)]) == 9
