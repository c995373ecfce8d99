from tables.cells import convert


def read_rows(text, separator=","):
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return []
    header = [cell.strip() for cell in lines[0].split(separator)]
    rows = []
    for line in lines[1:]:
        cells = [convert(cell) for cell in line.split(separator)]
        rows.append(dict(zip(header, cells)))
    return rows
