def table(players):
    """Most points first; more wins decide, then the name."""
    return sorted(players, key=lambda player: (-player.points, player.wins, player.name))


def places(players):
    result = {}
    for place, player in enumerate(table(players), start=1):
        result[player.name] = place
    return result
