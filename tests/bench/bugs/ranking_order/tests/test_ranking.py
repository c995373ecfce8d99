from ranking.players import Player
from ranking.table import places, table


def test_points_first():
    players = [Player("a", 1), Player("b", 3), Player("c", 2)]
    assert [player.name for player in table(players)] == ["b", "c", "a"]


def test_wins_decide():
    assert places([Player("a", 3, 1), Player("b", 3, 2)]) == {"b": 1, "a": 2}


def test_names_decide():
    assert places([Player("b", 3, 1), Player("a", 3, 1)]) == {"a": 1, "b": 2}
