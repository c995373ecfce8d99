"""The contracts of bot.ports.Artifacts and Memo, on every database."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.adapters.artifacts_sql import LARGEST
from bot.domain.errors import LedgerError, Tampered
from tests.contract.ledger_rig import BACKENDS, Rig, installation


@pytest.fixture(params=BACKENDS)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    with installation(request.param, tmp_path) as made:
        yield made


@pytest.mark.parametrize("data", [b"", b"diff --git", bytes(range(256)) * 5000])
def test_bytes_are_stored_under_their_digest(rig: Rig, data: bytes) -> None:
    digest = rig.artifacts.put(data)
    assert digest == sha256(data).hexdigest()
    assert rig.artifacts.put(data) == digest
    assert rig.artifacts.get(digest) == data


def test_an_unknown_digest_is_a_key_error(rig: Rig) -> None:
    with pytest.raises(KeyError):
        rig.artifacts.get("0" * 64)


@pytest.mark.parametrize("evil", ["x'00'", "'text'"])
def test_changed_bytes_are_found(rig: Rig, evil: str) -> None:
    digest = rig.artifacts.put(b"good")
    value = evil if rig.database.is_sqlite else "'evil'::bytea"
    rig.database.write(lambda connection: connection.execute(text(f"UPDATE artifacts SET data = {value}")))
    with pytest.raises(Tampered, match=digest):
        rig.artifacts.get(digest)


def test_too_large_an_artifact_is_refused(rig: Rig) -> None:
    with pytest.raises(LedgerError, match="64 MiB"):
        rig.artifacts.put(bytes(LARGEST + 1))


def test_the_first_value_stays(rig: Rig) -> None:
    rig.memo.remember("run-1/task", "ask", b"paid")
    rig.memo.remember("run-1/task", "ask", b"paid twice")
    rig.memo.remember("run-2/task", "ask", b"another")
    assert rig.memo.recall("run-1/task", "ask") == b"paid"
    assert rig.memo.recall("run-2/task", "ask") == b"another"
    assert rig.memo.recall("run-1/task", "nothing") is None


def test_a_memo_takes_any_text_as_its_key(rig: Rig) -> None:
    rig.memo.remember("nul \0", "lone \ud800", b"x")
    assert rig.memo.recall("nul \0", "lone \ud800") == b"x"


def test_racers_agree_on_the_first_value(rig: Rig) -> None:
    def remember(place: int) -> bytes | None:
        rig.memo.remember("scope", "key", bytes([place]))
        return rig.memo.recall("scope", "key")

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(remember, range(6)))) == 1
