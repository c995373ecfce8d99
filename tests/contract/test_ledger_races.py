"""Many writers at once, and writers that die: no gap, no loss, and a ledger that verifies."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import func, select

from bot.adapters.audit_files import verify_database
from bot.adapters.database import Database
from bot.adapters.keys import load_public, make_keys
from bot.adapters.ledger_sql import SqlLedger
from bot.adapters.migrations import upgrade
from bot.adapters.schema import envelopes, heads, runs
from bot.domain.envelope import Zone
from bot.domain.errors import Conflict
from bot.domain.events import Delivery
from bot.domain.facts import Woken
from bot.ports import Job
from tests.contract.ledger_rig import BACKENDS, Rig, empty_postgres, installation

WRITERS = 8
EACH = 10

APPENDER = """
import sys
from pathlib import Path
from sqlalchemy import select
from bot.adapters.clock import SystemTime
from bot.adapters.database import Database
from bot.adapters.keys import FileKeys, load_public
from bot.adapters.ledger_sql import SqlLedger
from bot.adapters.schema import heads
from bot.domain.envelope import Zone
from bot.domain.errors import Conflict
from bot.domain.change import Repo
from bot.domain.facts import Requested, Woken
from bot.domain.intent import Intent
from bot.ports import Job, RunRow
url, keys, writer, count = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
database = Database(url)
ledger = SqlLedger(database, FileKeys(Zone.BROKER, keys / "broker.key", load_public(keys)), SystemTime())
for number in range(count):
    while True:
        version = database.read(lambda connection: connection.execute(select(heads.c.version)).scalar()) or 0
        row = RunRow("run-1", "github:o/r", 1, None, "planning", version + 2, 1.0)
        intent = Intent("fix", Repo("github", "o/r"), 1, "t", "x", "ann", "main", "0" * 40, "review", "d-1")
        facts = [Woken(f"{writer}/{number}") if version else Requested(intent), Woken(f"{writer}/{number} too")]
        try:
            ledger.append("run-1", facts, expect=version, cause="c", jobs=[Job("advance", "run-1")], row=row)
        except Conflict:
            continue
        print(version + 2, flush=True)
        break
"""

VERSION = select(heads.c.version)
STATE = select(
    select(func.count()).select_from(envelopes).scalar_subquery(),
    select(heads.c.version).scalar_subquery(),
    select(runs.c.version).scalar_subquery(),
)


@pytest.fixture(params=BACKENDS)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    with installation(request.param, tmp_path) as made:
        yield made


def writer(rig: Rig, name: str, count: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", APPENDER, rig.url, str(rig.keys), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def assert_verifies(rig: Rig) -> None:
    report = verify_database(rig.database, rig.keys_of(Zone.BROKER).verify)
    assert report.problem is None


def test_threads_that_race_leave_no_gap_and_lose_nothing(rig: Rig) -> None:
    def write(name: int) -> None:
        with closing(Database(rig.url)) as database:
            ledger = SqlLedger(database, rig.keys_of(Zone.BROKER), rig.time)
            for number in range(EACH):
                for _ in range(2000):
                    version = database.read(lambda connection: connection.execute(VERSION).scalar()) or 0
                    try:
                        ledger.append("run-1", [Woken(f"{name}/{number}")], expect=version, cause="c")
                    except Conflict:
                        continue
                    break
                else:
                    pytest.fail("lost 2000 races")

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    found = rig.ledger().read("run-1")
    assert [envelope.version for envelope in found] == list(range(1, WRITERS * EACH + 1))
    expected = {f"{name}/{number}" for name in range(WRITERS) for number in range(EACH)}
    assert {envelope.body["cause"] for envelope in found} == expected
    assert_verifies(rig)


@pytest.mark.slow
def test_processes_that_race_leave_no_gap_and_lose_nothing(rig: Rig) -> None:
    children = [writer(rig, str(name), EACH) for name in range(WRITERS)]
    printed: list[int] = []
    for child in children:
        out, _ = child.communicate(timeout=120)
        assert child.returncode == 0
        printed += [int(line) for line in out.split()]
    found = rig.ledger().read("run-1")
    assert len(found) == 2 * WRITERS * EACH
    assert sorted(printed) == list(range(2, 2 * WRITERS * EACH + 1, 2))
    assert [row.run for row in rig.ledger().runs()] == ["run-1"]
    assert_verifies(rig)


def test_streams_that_begin_at_the_same_moment_are_all_registered(rig: Rig) -> None:
    def begin(name: int) -> None:
        with closing(Database(rig.url)) as database:
            ledger = SqlLedger(database, rig.keys_of(Zone.BROKER), rig.time)
            for number in range(EACH):
                ledger.append(f"run-{name}-{number}", [Woken("x")], expect=0, cause="c")

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(begin, range(WRITERS)))
    assert len(rig.streams()) == WRITERS * EACH
    assert_verifies(rig)


def test_of_many_that_begin_one_stream_one_wins(rig: Rig) -> None:
    together = Barrier(WRITERS, timeout=60)

    def begin(name: int) -> bool:
        with closing(Database(rig.url)) as database:
            ledger = SqlLedger(database, rig.keys_of(Zone.BROKER), rig.time)
            assert ledger.read("run-1") == []
            together.wait()
            try:
                ledger.append("run-1", [Woken(str(name))], expect=0, cause="c")
            except Conflict:
                return False
            return True

    with ThreadPoolExecutor(WRITERS) as pool:
        won = list(pool.map(begin, range(WRITERS)))
    assert won.count(True) == 1
    assert len(rig.ledger().read("run-1")) == 1


def test_receivers_that_race_store_each_delivery_once(rig: Rig) -> None:
    together = Barrier(WRITERS, timeout=60)

    def receive(racer: int) -> int:
        with closing(Database(rig.url)) as database:
            ledger = SqlLedger(database, rig.keys_of(Zone.RECEIVER), rig.time)
            together.wait()
            stored = 0
            for number in sorted(range(EACH), key=lambda number: (number + racer) % EACH):
                body = f"body {number}".encode()
                one = Delivery(f"d-{number}", "github", "issues", sha256(body).hexdigest(), body)
                stored += ledger.receive(one, [Job("deliver", one.id)])
            return stored

    with ThreadPoolExecutor(WRITERS) as pool:
        assert sum(pool.map(receive, range(WRITERS))) == EACH
    assert rig.streams() == sorted(f"delivery:d-{number}" for number in range(EACH))
    assert rig.jobs.counts()["waiting"] == EACH
    assert_verifies(rig)


def test_a_writer_killed_in_the_middle_leaves_a_ledger_that_verifies(rig: Rig) -> None:
    dice = random.Random(2)
    promised = 0
    for round_ in range(4):
        child = writer(rig, str(round_), 100_000)
        assert child.stdout is not None
        try:
            for _ in range(dice.randint(3, 25)):
                promised = int(child.stdout.readline())
        finally:
            os.kill(child.pid, signal.SIGKILL)
            rest = child.stdout.read()
            child.stdout.close()
            child.wait(timeout=30)
        promised = max([promised, *(int(line) for line in rest.splitlines(keepends=True) if line.endswith(b"\n"))])
        stored, head, row = rig.database.read(lambda connection: connection.execute(STATE).one())
        assert stored >= promised
        assert stored % 2 == 0  # both facts of an append, or none
        assert stored == head == row  # and with them the head and the run's row
        assert_verifies(rig)


@pytest.mark.parametrize("backend", BACKENDS)
def test_many_that_start_at_once_migrate_once(backend: str, tmp_path: Path) -> None:
    def race(url: str) -> None:
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(upgrade, [url] * 6))
        with closing(Database(url)) as database:
            assert verify_database(database, lambda *_: False).problem is None

    if backend == "sqlite":
        race(f"sqlite:///{tmp_path}/new/x.db")
        return
    with empty_postgres() as url:
        race(url)


def test_many_that_make_keys_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(make_keys, [tmp_path / "keys"] * 8))
    assert {zone: len(keys) for zone, keys in load_public(tmp_path / "keys").items()} == dict.fromkeys(Zone, 1)
    assert len(list((tmp_path / "keys").iterdir())) == 6
