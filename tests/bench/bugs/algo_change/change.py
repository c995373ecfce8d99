def ways(coins, total):
    """Count the ways to pay the total."""
    if total == 0:
        return 1
    if total < 0:
        return 0
    first, *rest = coins
    return ways(coins, total - first) + ways(rest, total)
