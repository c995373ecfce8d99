def gcd(first, second):
    if second == 0:
        return first
    return gcd(first % second, second)
