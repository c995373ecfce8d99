def root(number, precision):
    guess = number / 2
    while abs(number - guess) > precision:
        guess = 0.5 * (guess + number / guess)
    return guess
