def evaluate(tokens):
    def apply(symbol, a, b):
        return {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b}[symbol]()

    stack = []
    for token in tokens:
        if isinstance(token, (int, float)):
            stack.append(token)
        else:
            a = stack.pop()
            b = stack.pop()
            stack.append(apply(token, a, b))
    return stack.pop()
