from ranking.players import Player
from ranking.table import table


def test_all_rules():
    players = [Player("d", 0), Player("c", 5, 1), Player("b", 5, 2), Player("a", 5, 2)]
    assert [player.name for player in table(players)] == ["a", "b", "c", "d"]
