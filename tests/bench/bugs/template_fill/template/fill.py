import re

FIELD = re.compile(r"\{(\w+)(?::(\w+))?\}")


def convert(value, style):
    if style == "upper":
        return str(value).upper()
    if style == "title":
        return str(value).title()
    return str(value)


def fill(text, values, default=""):
    def one(match):
        name, style = match.group(1), match.group(2)
        return convert(values.get(name, style), default)

    return FIELD.sub(one, text)
