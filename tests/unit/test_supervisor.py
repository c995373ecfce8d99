"""The installation on one machine: its address, and that it does not mistake a stranger for its own receiver."""

import socket
import sys

import pytest

from bot.domain.errors import ConfigError
from workers.supervisor import Ended, Installation, Member


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


@pytest.mark.parametrize(("code", "deaths"), [(78, 0), (1, 1)])
def test_a_process_whose_settings_cannot_work_ends_the_installation_and_another_is_started_again(
    code: int, deaths: int
) -> None:
    member = Member("web", [sys.executable, "-S", "-c", f"raise SystemExit({code})"], {})
    installation = Installation({}, 8080, members={"web": member})
    member.start(None)
    try:
        assert member.process is not None
        member.process.wait(30)
        if code == 78:
            with pytest.raises(ConfigError, match="the web process refused its settings; its message is above"):
                installation.watch()
        else:
            installation.watch()
        assert member.deaths == deaths
    finally:
        installation.stop()
