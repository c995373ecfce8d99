def increasing(start, end, size):
    """Return all rising lists of this size from start up to, but without, end."""
    if size == 0:
        return []
    found = []
    for first in range(start, end + 1 - size):
        base = increasing(first + 1, end, size - 1)
        found.extend([[first] + rest for rest in base])
    return found
