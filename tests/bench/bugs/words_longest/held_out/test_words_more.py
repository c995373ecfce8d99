from words.count import frequencies, most_common


def test_more():
    assert frequencies("") == {}
    assert frequencies("one two. one! two? three") == {"one": 2, "two": 2, "three": 1}
    assert most_common("b a a b c") == ["a"]
