def next_permutation(values):
    """Return the next permutation in order, None after the last."""
    for i in range(len(values) - 2, -1, -1):
        if values[i] < values[i + 1]:
            for j in range(len(values) - 1, i, -1):
                if values[j] < values[i]:
                    result = list(values)
                    result[i], result[j] = result[j], result[i]
                    result[i + 1:] = reversed(result[i + 1:])
                    return result
    return None
