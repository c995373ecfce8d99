def powerset(items):
    if not items:
        return [[]]
    first, *rest = items
    smaller = powerset(rest)
    return [[first] + subset for subset in smaller]
