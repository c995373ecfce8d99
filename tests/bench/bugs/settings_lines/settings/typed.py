TRUE = {"yes", "true", "on", "1"}


def as_bool(settings, key, default=False):
    if key not in settings:
        return default
    return settings[key].lower() in TRUE
