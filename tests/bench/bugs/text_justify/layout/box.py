from layout.lines import break_lines


def box(text, width):
    lines = break_lines(text, width)
    edge = "+" + "-" * (width + 2) + "+"
    middle = ["| " + line.ljust(width) + " |" for line in lines]
    return "\n".join([edge, *middle, edge])
