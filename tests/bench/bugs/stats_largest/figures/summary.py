def largest(values):
    best = 0
    for value in values:
        if value > best:
            best = value
    return best


def mean(values):
    return sum(values) / len(values)


def spread(values):
    return largest(values) - min(values)
