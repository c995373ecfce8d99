def dig(document, path, default=None):
    """Follow a dotted path through nested dictionaries."""
    current = document
    for part in path.split("."):
        if part not in current:
            return default
        current = current[part]
    return current


def has(document, path):
    missing = object()
    return dig(document, path, missing) is not missing
