import pytest

from retry.call import call
from retry.errors import Fatal, Transient


def test_fatal_is_not_retried():
    calls = []

    def function():
        calls.append(1)
        raise Fatal

    with pytest.raises(Fatal):
        call(function)
    assert len(calls) == 1


def test_limit():
    calls = []

    def function():
        calls.append(1)
        raise Transient

    with pytest.raises(Transient):
        call(function, attempts=5)
    assert len(calls) == 5
