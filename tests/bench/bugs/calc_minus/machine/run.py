from machine.stack import Stack

OPERATIONS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


def run(program):
    stack = Stack()
    for word in program.split():
        if word in OPERATIONS:
            second = stack.pop()
            first = stack.pop()
            stack.push(OPERATIONS[word](second, first))
        else:
            stack.push(float(word))
    return stack.pop()
