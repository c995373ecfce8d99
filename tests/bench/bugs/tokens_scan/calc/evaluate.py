from calc.tokens import tokenize


def evaluate(text):
    """Plus, minus and times, with the usual precedence."""
    tokens = tokenize(text)
    total, product, sign = 0, tokens[0], 1
    for place in range(1, len(tokens), 2):
        operator, number = tokens[place], tokens[place + 1]
        if operator == "*":
            product *= number
        else:
            total += sign * product
            sign = 1 if operator == "+" else -1
            product = number
    return total + sign * product
