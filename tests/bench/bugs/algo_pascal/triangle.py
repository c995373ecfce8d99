def pascal(height):
    rows = [[1]]
    for size in range(1, height):
        row = []
        for place in range(size):
            left = rows[size - 1][place - 1] if place > 0 else 0
            right = rows[size - 1][place] if place < size else 0
            row.append(left + right)
        rows.append(row)
    return rows
