STRENGTH = {"+": 1, "-": 1, "*": 2, "/": 2}


def postfix(tokens):
    output = []
    waiting = []
    for token in tokens:
        if isinstance(token, int):
            output.append(token)
        else:
            while waiting and STRENGTH[token] <= STRENGTH[waiting[-1]]:
                output.append(waiting.pop())
    while waiting:
        output.append(waiting.pop())
    return output
