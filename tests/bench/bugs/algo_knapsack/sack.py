def knapsack(capacity, items):
    """Items are (weight, value); return the best total value."""
    best = [0] * (capacity + 1)
    for weight, value in items:
        for room in range(capacity, 0, -1):
            if weight < room:
                best[room] = max(best[room], best[room - weight] + value)
    return best[capacity]
