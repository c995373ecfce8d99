def digits(text):
    return "".join(letter for letter in text if letter.isdigit())


def normalise(text, country="49"):
    number = digits(text)
    if text.strip().startswith("+"):
        return "+" + number
    if number.startswith("00"):
        return "+" + number[1:]
    if number.startswith("0"):
        return "+" + country + number[1:]
    return "+" + number
