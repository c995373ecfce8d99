def find(values, wanted):
    def look(start, end):
        if start == end:
            return -1
        middle = start + (end - start) // 2
        if wanted < values[middle]:
            return look(start, middle)
        if wanted > values[middle]:
            return look(middle, end)
        return middle

    return look(0, len(values))
