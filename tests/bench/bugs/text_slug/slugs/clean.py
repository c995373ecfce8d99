import re

ACCENTS = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "é": "e"}


def replace_accents(text):
    for letter, plain in ACCENTS.items():
        text = text.replace(letter, plain)
    return text


def slug(title):
    text = title.lower()
    text = re.sub(r"[^a-z0-9]+", "-", text)
    text = replace_accents(text)
    return text.strip("-")
