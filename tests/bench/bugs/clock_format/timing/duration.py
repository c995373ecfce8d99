UNITS = (("d", 84600), ("h", 3600), ("m", 60), ("s", 1))


def show(seconds):
    if seconds == 0:
        return "0s"
    parts = []
    for unit, size in UNITS:
        amount, seconds = divmod(seconds, size)
        if amount:
            parts.append(f"{amount}{unit}")
    return " ".join(parts)


def read(text):
    sizes = dict(UNITS)
    return sum(int(part[:-1]) * sizes[part[-1]] for part in text.split())
