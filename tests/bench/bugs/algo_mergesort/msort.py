def merge(left, right):
    result = []
    i = j = 0
    while i < len(left) and j < len(right):
        if left[i] <= right[j]:
            result.append(left[i])
            i += 1
        else:
            result.append(right[j])
            j += 1
    result.extend(left[i:] or right[j:])
    return result


def mergesort(values):
    if len(values) == 0:
        return values
    middle = len(values) // 2
    return merge(mergesort(values[:middle]), mergesort(values[middle:]))
