def distance(one, two):
    if not one or not two:
        return max(len(one), len(two))
    if one[0] == two[0]:
        return 1 + distance(one[1:], two[1:])
    return 1 + min(distance(one, two[1:]), distance(one[1:], two), distance(one[1:], two[1:]))
