LIMITS = [(90, "A"), (80, "B"), (70, "C")]


def grade(points):
    for limit, letter in LIMITS:
        if points >= limit:
            return letter
    return "F"


def average(scores, drop_lowest=False):
    if not scores:
        return 0
    if drop_lowest and len(scores) > 1:
        scores = sorted(scores)[:-1]
    return sum(scores) / len(scores)


def report(students):
    return {name: grade(average(scores, drop_lowest=True)) for name, scores in students.items()}
