from digits import next_palindrome


def test_more():
    assert next_palindrome([9]) == [1, 1]
    assert next_palindrome([9, 9, 9, 9]) == [1, 0, 0, 0, 1]
    assert next_palindrome([1, 3, 1]) == [1, 4, 1]
