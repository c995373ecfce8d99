from paging.links import links
from paging.pages import page, page_count


def test_count():
    assert page_count(10, 5) == 2
    assert page_count(11, 5) == 3


def test_page():
    assert page(list("abcdefg"), 2, 3) == ["d", "e", "f"]


def test_links():
    assert links(2, 11, 5) == {"prev": 1, "next": 3}
