def is_balanced(text):
    depth = 0
    for letter in text:
        if letter == "(":
            depth += 1
        else:
            depth -= 1
            if depth < 0:
                return False
    return True
