def parse_line(line):
    key, value = line.split("=")
    return key.strip(), value.strip()


def parse(text):
    found = {}
    for line in text.splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        key, value = parse_line(line)
        found[key] = value
    return found
