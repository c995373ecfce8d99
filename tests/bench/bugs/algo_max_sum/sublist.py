def max_sum(values):
    """Return the largest sum of neighbouring values; 0 for none of them."""
    here = 0
    best = 0
    for value in values:
        here = here + value
        best = max(best, here)
    return best
