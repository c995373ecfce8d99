import pytest

from retry.call import call
from retry.errors import Fatal, Timeout, Transient


def failing(*errors):
    queue = list(errors)

    def function():
        if queue:
            raise queue.pop(0)
        return "ok"

    return function


def test_transient():
    assert call(failing(Transient(), Transient())) == "ok"


def test_timeout():
    assert call(failing(Timeout())) == "ok"


def test_gives_up():
    with pytest.raises(Timeout):
        call(failing(Timeout(), Timeout(), Timeout()))


def test_fatal():
    with pytest.raises(Fatal):
        call(failing(Fatal()))
