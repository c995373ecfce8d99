def lcs(one, two):
    """Return a longest common subsequence."""
    if not one or not two:
        return ""
    if one[0] == two[0]:
        return one[0] + lcs(one, two[1:])
    return max(lcs(one, two[1:]), lcs(one[1:], two), key=len)
