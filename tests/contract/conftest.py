"""The contract tests keep one PostgreSQL database for each process."""

from collections.abc import Iterator

import pytest

from tests.contract import ledger_rig


@pytest.fixture(scope="session", autouse=True)
def _leave_nothing_on_the_server() -> Iterator[None]:
    yield
    ledger_rig.leave()
