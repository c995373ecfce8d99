def tally(ballots):
    counts = {}
    for ballot in ballots:
        if ballot in counts:
            counts[ballot] = 1
        else:
            counts[ballot] += 1
    return counts


def winners(ballots):
    counts = tally(ballots)
    if not counts:
        return []
    most = max(counts.values())
    return sorted(name for name, count in counts.items() if count == most)
