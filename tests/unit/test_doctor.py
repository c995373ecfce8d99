"""The doctor: what it says of the database, that it asks a dead one once, and that looking changes nothing."""

import io
import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from rich.console import Console
from sqlalchemy import text

from bot.config import Settings
from tests.contract.ledger_rig import installation
from workers.cli.doctor import show
from workers.doctor import Line, examine

LOOKS = ("database", "ledger", "jobs")


def said(settings: Settings) -> dict[str, tuple[str, str]]:
    """Return what the doctor says of the database."""
    return {line.check: (line.state, line.found) for line in examine(settings) if line.check in LOOKS}


@pytest.fixture
def server() -> Iterator[tuple[int, list[int]]]:
    """Take every connection and close it at once; count them."""
    taken: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                taken.append(1)
                peer.close()

        thread = Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], taken
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def test_a_database_that_does_not_answer_is_asked_by_one_check_only(
    server: tuple[int, list[int]], tmp_path: Path
) -> None:
    port, taken = server
    asked: dict[str, int] = {}
    found: dict[str, tuple[str, str]] = {}
    url = f"postgresql://postgres:x@127.0.0.1:{port}/x"
    for line in examine(Settings(data_dir=tmp_path / "data", database_url=url)):
        asked[line.check], found[line.check] = len(taken), (line.state, line.found)
    assert found["database"] == ("fail", "no answer")
    assert found["ledger"] == found["jobs"] == ("fail", "not looked at")
    assert 0 < asked["database"] == asked["ledger"] == asked["jobs"]
    assert asked["queue"] == 0


def test_where_there_is_nothing_yet_nothing_is_made(tmp_path: Path) -> None:
    found = said(Settings(data_dir=tmp_path / "data"))
    assert found == {"database": ("warn", "none yet"), "ledger": ("ok", "none yet"), "jobs": ("ok", "none yet")}
    assert list(tmp_path.iterdir()) == []


def test_a_database_is_looked_at_without_private_keys_and_older_tables_are_left_as_they_are(tmp_path: Path) -> None:
    with installation("sqlite", tmp_path) as rig:
        for path in rig.keys.glob("*.key"):
            path.unlink()
        settings = Settings(data_dir=tmp_path / "none", database_url=rig.url, keys_dir=rig.keys)
        found = said(settings)
        assert found["database"] == ("ok", "sqlite, tables up to date")
        assert found["ledger"] == ("ok", "0 facts in 0 chains verify")
        rig.database.write(lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '1'")))
        assert said(settings)["database"] == ("warn", "sqlite, tables of another version")
    assert not (tmp_path / "none").exists()


def test_each_line_is_shown_before_the_next_is_looked_for() -> None:
    screen = Console(file=io.StringIO(), highlight=False)

    def lines() -> Iterator[Line]:
        for number, state in enumerate(("ok", "fail", "ok")):
            yield Line("layer", f"check {number}", state, "found", "mend it")
            assert isinstance(screen.file, io.StringIO)
            assert f"check {number}" in screen.file.getvalue()

    assert show(lines(), screen)
