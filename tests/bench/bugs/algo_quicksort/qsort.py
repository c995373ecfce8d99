def quicksort(values):
    if not values:
        return []
    pivot = values[0]
    lesser = quicksort([value for value in values[1:] if value < pivot])
    greater = quicksort([value for value in values[1:] if value > pivot])
    return lesser + [pivot] + greater
