from digits import next_palindrome


def test_middle():
    assert next_palindrome([1, 4, 9, 4, 1]) == [1, 5, 0, 5, 1]


def test_even():
    assert next_palindrome([4, 7, 2, 5, 5, 2, 7, 4]) == [4, 7, 2, 6, 6, 2, 7, 4]


def test_longer():
    assert next_palindrome([9, 9]) == [1, 0, 1]
