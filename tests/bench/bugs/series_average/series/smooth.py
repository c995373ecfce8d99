def moving_average(values, window):
    """Return the mean of each run of `window` values."""
    result = []
    for start in range(len(values) - window):
        part = values[start:start + window]
        result.append(sum(part) / window)
    return result


def rises(values):
    return sum(1 for one, two in zip(values, values[1:]) if two > one)
