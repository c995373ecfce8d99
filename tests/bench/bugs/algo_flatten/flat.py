def flatten(nested):
    for item in nested:
        if isinstance(item, list):
            for inner in flatten(item):
                yield inner
        else:
            yield flatten(item)
