from layers.merge import merge

DEFAULTS = {"log": {"level": "info", "file": None}, "port": 80}


def load(*documents):
    result = DEFAULTS
    for document in documents:
        result = merge(result, document)
    return result
