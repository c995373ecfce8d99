def neighbours(x, y):
    found = []
    for dx in (-1, 0, 1):
        for dy in (-1, 0, 1):
            found.append((x + dx, y + dy))
    return found


def step(cells):
    counts = {}
    for cell in cells:
        for other in neighbours(*cell):
            counts[other] = counts.get(other, 0) + 1
    return {cell for cell, count in counts.items() if count == 3 or (count == 2 and cell in cells)}
