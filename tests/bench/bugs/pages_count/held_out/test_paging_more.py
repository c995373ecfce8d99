from paging.links import links
from paging.pages import page_count


def test_edges():
    assert page_count(0, 5) == 0
    assert page_count(1, 5) == 1
    assert page_count(5, 5) == 1
    assert page_count(100, 7) == 15
    assert links(1, 3, 5) == {}
