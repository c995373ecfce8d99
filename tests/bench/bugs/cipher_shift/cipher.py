import string

ALPHABET = string.ascii_lowercase


def shift_letter(letter, key):
    if letter not in ALPHABET:
        return letter
    position = ALPHABET.index(letter) + key
    return ALPHABET[position]


def encrypt(text, key):
    return "".join(shift_letter(letter, key) for letter in text)


def decrypt(text, key):
    return encrypt(text, -key)
