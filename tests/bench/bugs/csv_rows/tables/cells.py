def convert(cell):
    if cell == "":
        return None
    try:
        return int(cell)
    except ValueError:
        return cell
