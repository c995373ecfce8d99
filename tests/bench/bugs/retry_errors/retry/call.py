from retry.errors import Fatal, Timeout, Transient


def call(function, attempts=3):
    """Call again after transient failures; give up with the last one."""
    last = None
    for _ in range(attempts):
        try:
            return function()
        except Timeout as error:
            last = error
    raise last
