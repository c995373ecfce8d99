def kth(values, k):
    """Return the k-th smallest, counted from 0."""
    pivot = values[0]
    below = [value for value in values if value < pivot]
    above = [value for value in values if value > pivot]
    less = len(below)
    not_more = len(values) - len(above)
    if k < less:
        return kth(below, k)
    if k >= not_more:
        return kth(above, k)
    return pivot
