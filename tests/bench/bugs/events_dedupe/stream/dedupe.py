def dedupe(events):
    """Keep the first event of each key, in order of time."""
    seen = set()
    kept = []
    for event in sorted(events, key=lambda one: one.time):
        if event.key in seen:
            continue
        kept.append(event)
    return kept


def latest(events):
    found = {}
    for event in events:
        known = found.get(event.key)
        if known is None or event.time > known.time:
            found[event.key] = event
    return found
