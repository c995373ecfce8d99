def wrap(text, width):
    lines = []
    while len(text) > width:
        end = text.rfind(" ", 0, width)
        if end == -1:
            end = width
        line, text = text[:end], text[end:]
        lines.append(line)
    return lines
