"""The installation on one machine: its address, and that it does not mistake a stranger for its own receiver."""

import socket

import pytest

from workers.supervisor import Ended, Installation


@pytest.mark.parametrize(
    ("host", "url"), [("127.0.0.1", "http://127.0.0.1:8080"), ("::1", "http://[::1]:8080"), ("::", "http://[::]:8080")]
)
def test_the_address_is_one_that_can_be_asked(host: str, url: str) -> None:
    assert Installation({}, 8080, host).url == url


def test_nothing_is_started_where_the_port_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        installation = Installation({}, taken.getsockname()[1])
        with pytest.raises(Ended, match=r"cannot listen on .*: Address already in use; .*--port"):
            installation.start()
    assert installation.members == {}
