def longest_rising(values):
    """Return the length of the longest strictly rising subsequence."""
    ends = {}
    longest = 0
    for place, value in enumerate(values):
        lengths = [length for length in range(1, longest + 1) if values[ends[length]] < value]
        length = max(lengths, default=0)
        if length == longest or value < values[ends[length + 1]]:
            ends[length + 1] = place
            longest = length + 1
    return longest
