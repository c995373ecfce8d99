from routes.city import ROADS
from routes.shortest import shortest


def test_detour_is_shorter():
    assert shortest(ROADS, "A", "B") == 3


def test_far():
    assert shortest(ROADS, "A", "D") == 4


def test_same():
    assert shortest(ROADS, "A", "A") == 0


def test_no_way():
    assert shortest(ROADS, "D", "A") is None
