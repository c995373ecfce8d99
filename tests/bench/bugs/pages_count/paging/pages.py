def page_count(total, size):
    return total // size + size - 1


def page(items, number, size):
    """Return one page; the first has number 1."""
    start = (number - 1) * size
    return items[start:start + size]
