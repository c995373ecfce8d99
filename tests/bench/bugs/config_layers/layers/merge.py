def merge(base, extra):
    """Return base overlaid with extra; nested dictionaries are merged."""
    result = dict(base)
    for key, value in extra.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merge(value, result[key])
        else:
            result[key] = value
    return result
