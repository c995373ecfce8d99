def score(rolls):
    total = 0
    place = 0
    for _ in range(10):
        if rolls[place] == 10:
            total += 10 + rolls[place + 1] + rolls[place + 2]
            place += 1
        elif rolls[place] + rolls[place + 1] == 10:
            total += 10 + rolls[place + 1]
            place += 2
        else:
            total += rolls[place] + rolls[place + 1]
            place += 2
    return total
