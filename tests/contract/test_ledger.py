"""The contract of bot.ports.Ledger, on every database."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import create_engine, delete, insert, inspect, text, update

from bot.adapters.database import Database, normal_url
from bot.adapters.ledger_reader import SqlReader
from bot.adapters.migrations import newest, upgrade
from bot.adapters.schema import envelopes, heads, inbox, metadata, register
from bot.bootstrap import looking, open_store
from bot.config import Settings
from bot.domain.envelope import Zone
from bot.domain.errors import ConfigError, Conflict, LedgerError, Tampered
from bot.domain.events import Delivery
from bot.domain.facts import (
    EffectDone,
    EffectIntended,
    ModelUsed,
    Received,
    Stopped,
    TaskDone,
    TaskStarted,
    Woken,
    decode,
)
from bot.ports import Job, RunRow
from tests.contract.ledger_rig import BACKENDS, Rig, empty_postgres, installation

BODY = b'{"action":"opened"}'


@pytest.fixture(params=BACKENDS)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    with installation(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Rig]:
    with installation("sqlite", tmp_path) as made:
        yield made


def delivery(id_: str = "d-1", *, name: str = "issues", body: bytes = BODY) -> Delivery:
    return Delivery(id_, "github", name, sha256(body).hexdigest(), body)


def row(run: str, **changes: object) -> RunRow:
    return replace(RunRow(run, "github:o/r", 7, None, "planned", 1, 10.0), **changes)


def test_what_was_appended_is_read_back(rig: Rig) -> None:
    ledger = rig.ledger()
    first = ledger.append("run-1", [Woken("label"), Stopped("ann")], expect=0, cause="d-1")
    second = ledger.append("run-1", [Woken("check")], expect=2, cause=first[-1].id)
    assert ledger.read("run-1") == first + second
    assert [envelope.version for envelope in first + second] == [1, 2, 3]
    assert [envelope.previous for envelope in first + second] == ["0" * 64, first[0].hash, first[1].hash]
    assert {(envelope.zone, envelope.key) for envelope in first} == {(Zone.BROKER, rig.keys_of(Zone.BROKER).key_id)}
    assert [decode(envelope.kind, envelope.body) for envelope in second] == [Woken("check")]
    assert second[0].cause == first[1].id
    assert rig.streams() == ["run-1"]


def test_reading_goes_on_where_it_ended(rig: Rig) -> None:
    ledger = rig.ledger()
    first, second = ledger.append("run-1", [Woken("a"), Woken("b")], expect=0, cause="c")
    assert ledger.read("run-1", after=second) == []
    third = ledger.append("run-1", [Woken("d")], expect=2, cause="c")
    assert ledger.read("run-1", after=second) == third
    assert ledger.read("run-1", after=first) == [second, *third]
    with pytest.raises(Tampered, match="does not continue"):
        ledger.read("run-1", after=replace(first, hash="0" * 64))
    rig.database.write(lambda connection: connection.execute(delete(envelopes).where(envelopes.c.version == 3)))
    with pytest.raises(Tampered):
        ledger.read("run-1", after=second)


def test_a_stream_that_does_not_exist_is_empty(rig: Rig) -> None:
    ledger = rig.ledger()
    assert ledger.read("run-1") == []
    assert rig.streams() == []


@pytest.mark.parametrize("expect", [0, 1, 3])
def test_another_version_is_a_conflict_and_changes_nothing(rig: Rig, expect: int) -> None:
    ledger = rig.ledger()
    before = ledger.append("run-1", [Woken("a"), Woken("b")], expect=0, cause="c")
    with pytest.raises(Conflict, match="version 2"):
        ledger.append("run-1", [Woken("c")], expect=expect, cause="c", jobs=[Job("advance", "run-1")], row=row("run-1"))
    assert ledger.read("run-1") == before
    assert rig.jobs.counts()["waiting"] == 0
    assert ledger.runs() == []


def test_jobs_and_the_row_come_with_the_facts(rig: Rig) -> None:
    ledger = rig.ledger()
    ledger.append("run-1", [Woken("a")], expect=0, cause="c", jobs=[Job("advance", "run-1")], row=row("run-1"))
    assert rig.jobs.due(limit=9, resend_after=9) == [Job("advance", "run-1", rig.time.now())]
    assert ledger.runs() == [row("run-1")]
    ledger.append("run-1", [Woken("b")], expect=1, cause="c", row=row("run-1", state="merged", version=2, change=9))
    assert ledger.runs() == [row("run-1", state="merged", version=2, change=9)]


def test_jobs_can_be_wished_for_without_a_fact_if_the_version_fits(rig: Rig) -> None:
    ledger = rig.ledger()
    assert ledger.append("run-1", [], expect=0, cause="c", jobs=[Job("advance", "run-1")]) == []
    assert rig.jobs.counts()["waiting"] == 1
    assert rig.streams() == []


def test_runs_come_latest_first_and_are_found_by_issue_or_change(rig: Rig) -> None:
    ledger = rig.ledger()
    rows = [
        row("run-1", issue=7, change=12, updated=1.0),
        row("run-2", issue=12, updated=3.0),
        row("run-3", issue=12, repo="github:o/other", updated=2.0),
    ]
    for one in rows:
        ledger.append(one.run, [Woken("a")], expect=0, cause="c", row=one)
    assert [one.run for one in ledger.runs()] == ["run-2", "run-3", "run-1"]
    assert [one.run for one in ledger.runs(limit=1)] == ["run-2"]
    assert [one.run for one in ledger.runs(issue=12)] == ["run-2", "run-3"]
    assert [one.run for one in ledger.runs(repo="github:o/r", issue=12)] == ["run-2"]
    assert [one.run for one in ledger.runs(change=12)] == ["run-1"]
    assert ledger.runs(issue=7, change=13) == []
    assert ledger.runs(repo="github:o/none") == []


def test_a_zone_cannot_append_what_it_may_not_sign(rig: Rig) -> None:
    for zone, fact in (
        (Zone.AGENT, Stopped("ann")),
        (Zone.RECEIVER, Woken("x")),
        (Zone.BROKER, ModelUsed("t", "v", "m", 1, 1)),
        (Zone.BROKER, Received("d", "n", "x")),
    ):
        with pytest.raises(LedgerError, match=f"{zone.value} may not sign {type(fact).__name__}"):
            rig.ledger(zone).append("run-1", [fact], expect=0, cause="c")
    assert rig.streams() == []


def test_the_logical_clock_goes_forward_when_the_wall_goes_back(rig: Rig) -> None:
    ledger = rig.ledger()
    made = ledger.append("run-1", [Woken("a"), Woken("b")], expect=0, cause="c")
    rig.time.wall -= 3600
    made += rig.ledger(Zone.BROKER).append("run-1", [Woken("c")], expect=2, cause="c")
    other_process = Rig(rig.url, rig.keys, rig.database, type(rig.time)(rig.time.wall))
    made += other_process.ledger().append("run-1", [Woken("d")], expect=3, cause="c")
    clocks = [envelope.clock for envelope in made]
    assert clocks == sorted(set(clocks))
    assert len(ledger.read("run-1")) == 4


@pytest.mark.parametrize(
    ("text_in", "text_out"),
    [
        ("grüße 🛠 \u2028", "grüße 🛠 \u2028"),
        ("lone \ud800 and \udc00", "lone \ufffd and \ufffd"),
        ("pair \ud83d\udee0", "pair 🛠"),
        ("nul \0 and \x1b", "nul \0 and \x1b"),
    ],
)
def test_any_text_of_people_can_be_stored(rig: Rig, text_in: str, text_out: str) -> None:
    ledger = rig.ledger()
    ledger.append("run-1", [EffectIntended(text_in, "comment", text_in)], expect=0, cause=text_in)
    assert ledger.read("run-1")[0].body == {"key": text_out, "kind": "comment", "target": text_out}


def test_numbers_come_back_with_the_same_value_and_verify(rig: Rig) -> None:
    values: dict[str, str | int | float] = {
        "a": 1e20,
        "b": 1.0,
        "c": -0.0,
        "d": 1e-7,
        "e": 2**53 - 1,
        "f": 1e300,
        "g": 0.1,
    }
    ledger = rig.ledger(Zone.AGENT)
    made = ledger.append("run-1", [TaskDone("t", 1, "p", values)], expect=0, cause="c")
    assert made[0].body["evidence"] == values
    assert ledger.read("run-1") == made


@pytest.mark.parametrize("value", [2**53, -(2**60), float("nan"), float("inf")])
def test_numbers_that_json_cannot_carry_are_refused(rig: Rig, value: float) -> None:
    ledger = rig.ledger(Zone.AGENT)
    with pytest.raises(LedgerError, match="TaskDone cannot be stored"):
        ledger.append("run-1", [TaskDone("t", 1, "p", {"n": value})], expect=0, cause="c")
    assert rig.streams() == []


def test_a_body_that_is_too_large_is_refused_with_the_way_out(rig: Rig) -> None:
    with pytest.raises(LedgerError, match="artifact"):
        rig.ledger().append("run-1", [Woken("x" * 1_100_000)], expect=0, cause="c")


@pytest.mark.parametrize("name", ["", "x" * 401, "nul\0", "lone\ud800"])
def test_a_name_that_no_database_takes_is_refused(rig: Rig, name: str) -> None:
    with pytest.raises(LedgerError, match="not a name"):
        rig.ledger().append(name, [Woken("x")], expect=0, cause="c")


def test_a_delivery_is_received_once(rig: Rig) -> None:
    ledger = rig.ledger(Zone.RECEIVER)
    jobs = [Job("deliver", "d-1")]
    assert ledger.receive(delivery(), jobs)
    assert not ledger.receive(delivery(), jobs)
    assert not ledger.receive(delivery("d-1", body=b"other"), jobs)  # the id is known
    assert not ledger.receive(delivery("d-2"), jobs)  # the body is known: the id is not signed
    assert ledger.receive(delivery("d-3", name="ping"), [])
    assert ledger.delivery("d-1") == delivery()
    assert rig.streams() == ["delivery:d-1", "delivery:d-3"]
    assert [envelope.cause for envelope in ledger.read("delivery:d-1")] == ["github"]
    assert rig.jobs.counts()["waiting"] == 1


def test_an_unknown_delivery_is_a_key_error(rig: Rig) -> None:
    with pytest.raises(KeyError):
        rig.ledger().delivery("d-1")


def test_only_the_receiver_receives(rig: Rig) -> None:
    with pytest.raises(LedgerError, match="may not sign Received"):
        rig.ledger(Zone.BROKER).receive(delivery(), [])


def test_a_body_changed_in_the_inbox_is_found(rig: Rig) -> None:
    rig.ledger(Zone.RECEIVER).receive(delivery(), [])
    rig.database.write(lambda connection: connection.execute(update(inbox).values(body=b"evil")))
    with pytest.raises(Tampered, match="d-1"):
        rig.ledger().delivery("d-1")


def test_a_delivery_that_the_receiver_did_not_receive_is_refused(rig: Rig) -> None:
    forged = delivery("d-9", name="issue_comment", body=b'{"comment":"/agent approve"}')
    row = {"id": forged.id, "forge": forged.forge, "name": forged.name, "digest": forged.digest, "body": forged.body}
    rig.database.write(lambda connection: connection.execute(insert(inbox).values(received=1.0, **row)))
    with pytest.raises(Tampered, match="d-9 is not one that the receiver received"):
        rig.ledger().delivery("d-9")
    rig.ledger(Zone.AGENT).append("delivery:d-9", [TaskStarted("t", 1)], expect=0, cause="github")
    with pytest.raises(Tampered, match="d-9 is not one that the receiver received"):
        rig.ledger().delivery("d-9")


@pytest.mark.parametrize(
    "change",
    [
        {"body": b"evil", "digest": sha256(b"evil").hexdigest()},
        {"body": b"evil", "digest": "an odd one"},
        {"name": "issue_comment"},
        {"forge": "other"},
        {"id": "d-2"},
    ],
    ids=lambda change: "+".join(change),
)
def test_a_delivery_is_what_the_receiver_signed_or_none(rig: Rig, change: dict[str, object]) -> None:
    receiver = rig.ledger(Zone.RECEIVER)
    receiver.receive(delivery(), [])
    receiver.receive(delivery("d-0", body=b"evil"), [])
    rig.database.write(lambda connection: connection.execute(delete(inbox).where(inbox.c.id == "d-0")))
    change_it = update(inbox).where(inbox.c.id == "d-1").values(change)
    rig.database.write(lambda connection: connection.execute(change_it))
    with pytest.raises(Tampered):
        rig.ledger().delivery(str(change.get("id", "d-1")))


def test_a_delivery_whose_stream_somebody_else_began_is_not_taken_in(rig: Rig) -> None:
    rig.ledger(Zone.AGENT).append("delivery:d-1", [TaskStarted("t", 1)], expect=0, cause="c")
    with pytest.raises(Tampered, match="begun before"):
        rig.ledger(Zone.RECEIVER).receive(delivery(), [Job("deliver", "d-1")])
    assert rig.jobs.counts()["waiting"] == 0
    with pytest.raises(KeyError):
        rig.ledger().delivery("d-1")


def test_reading_names_the_stream_and_the_version_that_were_changed(rig: Rig) -> None:
    ledger = rig.ledger()
    ledger.append("run-1", [Woken("a"), Woken("b"), Woken("c")], expect=0, cause="c")
    change = update(envelopes).where(envelopes.c.version == 2).values(body='{"cause":"x"}')
    rig.database.write(lambda connection: connection.execute(change))
    with pytest.raises(Tampered, match="run-1 version 2"):
        ledger.read("run-1")


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ("DELETE FROM envelopes WHERE version = 3", "version 2"),
        ("DELETE FROM envelopes", "version 0"),
        ("DELETE FROM heads", "version 3"),
        ("UPDATE heads SET hash = previous FROM envelopes WHERE envelopes.version = 3", "version 3"),
        ("UPDATE heads SET signature = '00'", "version 3"),
        ("UPDATE heads SET signature = 'xy'", "version 3"),
        ("UPDATE heads SET wall = wall + 1", "version 3"),
        ("UPDATE envelopes SET zone = 'nobody' WHERE version = 2", "version 2"),
        ("UPDATE envelopes SET body = '{' WHERE version = 2", "version 2"),
        ("UPDATE envelopes SET signature = 'xy' WHERE version = 2", "version 2"),
    ],
)
def test_reading_finds_a_cut_tail_and_broken_rows(rig: Rig, statement: str, where: str) -> None:
    ledger = rig.ledger()
    ledger.append("run-1", [Woken("a"), Woken("b"), Woken("c")], expect=0, cause="c")
    rig.database.write(lambda connection: connection.execute(text(statement)))
    with pytest.raises(Tampered, match=f"run-1 {where}"):
        ledger.read("run-1")


def test_nothing_is_appended_to_a_head_or_register_that_does_not_verify(rig: Rig) -> None:
    ledger = rig.ledger()
    ledger.append("run-1", [Woken("a")], expect=0, cause="c")
    rig.database.write(lambda connection: connection.execute(update(heads).values(version=5)))
    with pytest.raises(Tampered, match="run-1"):
        ledger.append("run-1", [Woken("b")], expect=5, cause="c")
    rig.database.write(lambda connection: connection.execute(update(register).values(streams=9)))
    with pytest.raises(Tampered, match="register"):
        ledger.append("run-2", [Woken("b")], expect=0, cause="c")
    assert rig.streams() == ["run-1"]


def test_the_migrations_make_the_tables_of_the_schema(rig: Rig) -> None:
    upgrade(rig.url)  # saying it twice changes nothing
    versions = rig.database.read(lambda connection: connection.execute(text("SELECT * FROM alembic_version")).all())
    assert versions == [(newest(),)], "a revision's file is named after it: r0001_what.py"
    found = inspect(rig.database.engine)
    assert set(found.get_table_names()) == {*metadata.tables, "alembic_version"}
    for name, table in metadata.tables.items():
        columns = {column["name"]: column["nullable"] for column in found.get_columns(name)}
        assert columns == {column.name: bool(column.nullable) for column in table.columns}
        assert {index["name"] for index in found.get_indexes(name) if "duplicates_constraint" not in index} == {
            index.name for index in table.indexes
        }
        assert found.get_pk_constraint(name)["constrained_columns"] == [column.name for column in table.primary_key]


def test_a_database_of_a_newer_version_is_refused(rig: Rig) -> None:
    rig.database.write(lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(ConfigError, match="another version of journeyman"):
        upgrade(rig.url)


def test_an_error_of_the_database_is_ours_and_shows_no_content(rig: Rig) -> None:
    rig.database.write(lambda connection: connection.execute(text("DROP TABLE envelopes")))
    with pytest.raises(LedgerError, match="run the migrations") as caught:
        rig.ledger().append("run-1", [Woken("secret-content")], expect=0, cause="c")
    assert "secret-content" not in str(caught.value)


def test_contention_is_waited_out_only_for_so_long(sqlite: Rig) -> None:
    hasty = Database(sqlite.url, patience=0.2)
    other = create_engine(normal_url(sqlite.url))
    try:
        with other.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            with pytest.raises(LedgerError, match="busy or away for too long"):
                hasty.write(lambda mine: mine.execute(text("DELETE FROM memo")))
    finally:
        other.dispose()
        hasty.close()


def test_a_server_that_is_away_is_waited_for_and_then_reported() -> None:
    nowhere = closing(Database("postgres://postgres@127.0.0.1:1/none", patience=0.2))
    with nowhere as database, pytest.raises(LedgerError, match="busy or away for too long"):
        database.read(lambda connection: connection.execute(text("SELECT 1")))


@pytest.mark.services
def test_a_database_that_does_not_exist_is_reported_at_once() -> None:
    with empty_postgres() as url, closing(Database(f"{url}_not", patience=60)) as database:
        began = time.monotonic()
        with pytest.raises(LedgerError, match=r"the database refused: .*does not exist"):
            database.read(lambda connection: connection.execute(text("SELECT 1")))
        assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?uri=true", "mysql://x/y", "nonsense"]
)
def test_an_address_that_cannot_be_a_ledger_is_refused_with_the_variable(url: str) -> None:
    with pytest.raises(ConfigError, match="JOURNEYMAN_DATABASE_URL"):
        Database(url)


def test_who_only_looks_cannot_write(rig: Rig) -> None:
    rig.ledger().append("run-1", [Woken("a")], expect=0, cause="c")
    with closing(Database(rig.url, readonly=True)) as database:
        reader = SqlReader(database, rig.keys_of(Zone.BROKER).verify)
        assert [envelope.version for envelope in reader.read("run-1")] == [1]
        with pytest.raises(LedgerError, match=r"read.?only"):
            database.write(lambda connection: connection.execute(text("DELETE FROM envelopes")))
    assert len(rig.ledger().read("run-1")) == 1


def test_a_file_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be created"):
        Database(f"sqlite:///{tmp_path}/file/x.db")


@pytest.mark.parametrize("there", ["a directory", "another file", "a name that cannot be"])
@pytest.mark.parametrize("first_use", [upgrade, lambda url: _look(url)], ids=["starting", "looking"])
def test_a_file_that_can_be_no_database_of_ours_is_a_setting_to_mend(
    there: str, first_use: Callable[[str], None], tmp_path: Path
) -> None:
    place = tmp_path / ("x" * 300 if there == "a name that cannot be" else "x.db")
    if there == "a directory":
        place.mkdir()
    elif there == "another file":
        place.write_bytes(b"something else" * 100)
    with pytest.raises(ConfigError, match="JOURNEYMAN_DATABASE_URL"):
        first_use(f"sqlite:///{place}")


def _look(url: str) -> None:
    with looking(Settings(database_url=url)):
        pass


@pytest.mark.parametrize(
    ("variable", "settings"),
    [
        ("JOURNEYMAN_DATA_DIR", {"data_dir": "file/data"}),
        ("JOURNEYMAN_KEYS_DIR", {"data_dir": "data", "keys_dir": "file/keys"}),
        ("JOURNEYMAN_DATABASE_URL", {"data_dir": "data", "database_url": "sqlite:///{}/file/x.db"}),
    ],
)
def test_a_place_that_cannot_be_made_is_a_setting_to_mend(
    variable: str, settings: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    places = {name: value.format(tmp_path) if "{}" in value else tmp_path / value for name, value in settings.items()}
    with pytest.raises(ConfigError, match=variable):
        open_store(Settings.model_validate(places), Zone.BROKER)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_is_understood(scheme: str) -> None:
    assert normal_url(f"{scheme}://u@h/d").drivername == "postgresql+psycopg"


def test_sqlite_is_durable_and_private(sqlite: Rig) -> None:
    def pragma(name: str) -> object:
        return sqlite.database.read(lambda connection: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())

    assert [pragma(name) for name in ("journal_mode", "synchronous", "foreign_keys")] == ["wal", 2, 1]
    path = Path(str(normal_url(sqlite.url).database))
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


FORK = """
import os, sys
from sqlalchemy import text
from bot.adapters.database import Database
database = Database(sys.argv[1])
add = text("INSERT INTO memo (scope, key, value) VALUES ('fork', :key, x'00')")
database.write(lambda connection: connection.execute(add, {"key": "parent"}))
child = os.fork()
if child == 0:
    database.write(lambda connection: connection.execute(add, {"key": "child"}))
    os._exit(0 if database.engine.pool.checkedin() == 1 else 1)
_, status = os.waitpid(child, 0)
database.write(lambda connection: connection.execute(add, {"key": "parent again"}))
sys.exit(os.waitstatus_to_exitcode(status))
"""


def test_a_forked_child_gets_connections_of_its_own(sqlite: Rig) -> None:
    subprocess.run([sys.executable, "-c", FORK, sqlite.url], check=True, timeout=60)
    assert [sqlite.memo.recall("fork", key) for key in ("parent", "child", "parent again")] == [b"\0"] * 3


@pytest.mark.services
def test_a_connection_that_the_server_cut_is_replaced() -> None:
    kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()"
    with empty_postgres() as url, closing(Database(url)) as database, closing(Database(url)) as other:
        one = text("SELECT 1")
        assert database.read(lambda connection: connection.execute(one).scalar_one()) == 1
        others = text(f"{kill} AND pid <> pg_backend_pid()")
        assert other.read(lambda connection: connection.execute(others).scalar_one()) >= 1
        assert database.read(lambda connection: connection.execute(one).scalar_one()) == 1


def test_every_fact_of_an_append_is_stored_or_none(rig: Rig) -> None:
    ledger = rig.ledger()
    with pytest.raises(LedgerError, match="may not sign"):
        ledger.append("run-1", [EffectIntended("k", "comment", "t"), TaskDone("t", 1, "p", {})], expect=0, cause="c")
    assert ledger.read("run-1") == []
    done = ledger.append("run-1", [EffectIntended("k", "x", "t"), EffectDone("k", "1")], expect=0, cause="c")
    assert ledger.read("run-1") == done
