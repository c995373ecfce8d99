import string

DIGITS = string.digits + string.ascii_uppercase


def to_base(number, base):
    result = ""
    while number > 0:
        number, digit = divmod(number, base)
        result = result + DIGITS[digit]
    return result or "0"
