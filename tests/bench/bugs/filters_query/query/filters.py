def matches(record, wanted):
    """All wanted fields must be there and equal; a list means any of its values."""
    for field, value in wanted.items():
        if field not in record:
            return False
        if isinstance(value, list):
            if record[field] in value:
                return False
        elif record[field] != value:
            return False
    return True
