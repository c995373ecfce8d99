def chunks(items, size):
    if size <= 0:
        raise ValueError("size must be positive")
    return [items[start:size] for start in range(0, len(items), size)]


def rotate(items, steps):
    if not items:
        return []
    steps %= len(items)
    return items[-steps:] + items[:-steps] if steps else list(items)
