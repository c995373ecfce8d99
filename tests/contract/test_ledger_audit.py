"""`audit export` and `audit verify`: whatever is changed in the database or in an export is found and named."""

import json
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import pytest

from bot.adapters.audit_files import export_ledger, verify_database, verify_file
from bot.adapters.database import Database, normal_url
from bot.adapters.keys import KeyRing, load_public, make_keys
from bot.domain.change import Repo
from bot.domain.envelope import Envelope, Zone
from bot.domain.errors import LedgerError
from bot.domain.events import Delivery
from bot.domain.facts import (
    EffectDone,
    EffectIntended,
    Fact,
    Failed,
    Handled,
    Requested,
    TaskDone,
    TaskStarted,
    Woken,
)
from bot.domain.intent import Intent
from bot.domain.run import Run
from bot.services import chain, export
from bot.services.books import RunBook, row_of
from tests.contract.ledger_rig import BACKENDS, Rig, installation

TAMPERS = 40


def fill(rig: Rig) -> None:
    """Write a small story: three deliveries, each with a run in which broker and agent zone take turns."""
    receiver, broker, agent = (rig.ledger(zone) for zone in (Zone.RECEIVER, Zone.BROKER, Zone.AGENT))
    for number in range(3):
        body = f'{{"issue":{number}}}'.encode()
        id_, run = f"d-{number}", f"run-{number}"
        receiver.receive(Delivery(id_, "github", "issues", sha256(body).hexdigest(), body), [])
        intent = Intent("fix", Repo("github", "o/r"), number, "grüße", "x", "ann", "main", "0" * 40, "review", id_)
        row = row_of(Run(run, 1, intent), 1, rig.time.now())
        broker.append(run, [Requested(intent)], expect=0, cause=id_, row=row)
        patch = rig.artifacts.put(b"p" + run.encode())
        RunBook(agent, rig.time, run, "c").write(TaskStarted("t", 1), TaskDone("t", 1, patch, {"seconds": 1.5}))
        effects: list[Fact] = [EffectIntended("push", "push", "b"), EffectDone("push", "ok"), Failed("x", "y")]
        RunBook(broker, rig.time, run, "c").write(*effects)
        broker.append(f"delivery:{id_}", [Handled(id_, "started", "asked", run)], expect=1, cause=id_)


@pytest.fixture(params=BACKENDS)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    with installation(request.param, tmp_path) as made:
        yield made


@dataclass(frozen=True)
class Specimen:
    """A ledger on SQLite and its export, to make changed copies of."""

    rig: Rig
    database: Path
    lines: list[bytes]
    envelopes: list[Envelope]
    ring: KeyRing


@pytest.fixture(scope="module")
def specimen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Specimen]:
    directory = tmp_path_factory.mktemp("specimen")
    with installation("sqlite", directory) as rig:
        fill(rig)
        rig.database.write(lambda connection: None)
        export_ledger(rig.database, rig.keys_of(Zone.BROKER), rig.time, directory / "export.jsonl")
        rig.database.close()
        lines = (directory / "export.jsonl").read_bytes().splitlines(keepends=True)
        envelopes = [chain.from_json(chain.parse(line)) for line in lines[:-1]]
        database = Path(str(normal_url(rig.url).database))
        yield Specimen(rig, database, lines, envelopes, KeyRing(load_public(rig.keys)))


def test_an_untouched_ledger_verifies_everywhere(rig: Rig, tmp_path: Path) -> None:
    fill(rig)
    file = tmp_path / "export.jsonl"
    exported = export_ledger(rig.database, rig.keys_of(Zone.BROKER), rig.time, file)
    live = verify_database(rig.database, rig.keys_of(Zone.AGENT).verify)
    trusted, declared = verify_file(file, KeyRing(load_public(rig.keys))), verify_file(file, None)
    assert [report.problem for report in (exported, live, trusted, declared)] == [None] * 4
    assert {report.digest for report in (exported, live, trusted, declared)} == {live.digest}
    assert (live.envelopes, live.streams, live.warnings) == (24, 6, ())
    assert (trusted.trust, declared.trust) == ("installation", "self-declared")
    assert file.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.glob("*export*")) == ["export.jsonl"]


def test_both_databases_export_in_the_same_order(rig: Rig, tmp_path: Path) -> None:
    for name in ("b", "B", "é", "a:1", "a-1", "a"):
        rig.ledger().append(name, [Woken("x")], expect=0, cause="c")
    report = export_ledger(rig.database, rig.keys_of(Zone.BROKER), rig.time, tmp_path / "x")
    assert report.problem is None
    names = [json.loads(line)["stream"] for line in (tmp_path / "x").read_bytes().splitlines()[:-1]]
    assert names == sorted(names)


def test_an_empty_ledger_verifies(rig: Rig, tmp_path: Path) -> None:
    assert export_ledger(rig.database, rig.keys_of(Zone.BROKER), rig.time, tmp_path / "x").ok
    assert verify_file(tmp_path / "x", None).ok
    assert verify_database(rig.database, rig.keys_of(Zone.BROKER).verify).envelopes == 0


def test_a_broken_ledger_is_not_exported(rig: Rig, tmp_path: Path) -> None:
    fill(rig)
    rig.database.write(lambda connection: connection.exec_driver_sql("UPDATE envelopes SET cause = 'x'"))
    (tmp_path / "x").write_text("the old export")
    report = export_ledger(rig.database, rig.keys_of(Zone.BROKER), rig.time, tmp_path / "x")
    assert report.problem is not None
    assert report.problem.line == 1
    assert (tmp_path / "x").read_text() == "the old export"


def test_an_export_that_cannot_be_written_is_our_error(rig: Rig, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="cannot be written"):
        export_ledger(rig.database, rig.keys_of(Zone.BROKER), rig.time, tmp_path / "none" / "x")


def test_the_keys_of_somebody_else_do_not_verify_an_export(specimen: Specimen, tmp_path: Path) -> None:
    make_keys(tmp_path / "other")
    (tmp_path / "x").write_bytes(b"".join(specimen.lines))
    report = verify_file(tmp_path / "x", KeyRing(load_public(tmp_path / "other")))
    assert report.problem is not None
    assert report.problem.line == 1
    assert "signature is not by the key" in report.problem.what


def test_a_ledger_must_hold_and_go_on_from_an_earlier_export(rig: Rig, tmp_path: Path) -> None:
    broker, ring = rig.keys_of(Zone.BROKER), KeyRing(load_public(rig.keys))
    old, seal, new, other = (tmp_path / name for name in ("old", "seal", "new", "other"))
    rig.ledger().append("run-1", [Woken("a"), Woken("b")], expect=0, cause="c")
    export_ledger(rig.database, broker, rig.time, old)
    seal.write_bytes(old.read_bytes().splitlines(keepends=True)[-1])
    rig.ledger().append("run-1", [Woken("c")], expect=2, cause="c")
    export_ledger(rig.database, broker, rig.time, new)
    assert verify_database(rig.database, ring.verify, seal).ok
    assert verify_file(new, ring, old).ok
    assert verify_file(new, None, seal).ok
    lost = verify_file(old, ring, new).problem  # as after somebody put an old copy back
    assert lost is not None
    assert (lost.stream, lost.version, lost.what) == ("run-1", 3, "it is missing: the earlier export has it")
    with pytest.raises(LedgerError, match="no seal that one of the known keys signed"):
        verify_database(rig.database, KeyRing({}).verify, seal)
    with installation("sqlite", tmp_path / "another") as twin:  # somebody who holds all the keys writes another story
        shutil.copytree(rig.keys, twin.keys, dirs_exist_ok=True)
        twin.ledger().append("run-1", [Woken("a"), Woken("forged"), Woken("c")], expect=0, cause="c")
        assert export_ledger(twin.database, twin.keys_of(Zone.BROKER), twin.time, other).ok
    changed = verify_file(other, ring, old).problem
    assert changed is not None
    assert (changed.line, changed.version, changed.what) == (2, 2, "it is not the one of the earlier export")


# --- exports that somebody changed ----------------------------------------------------------------------------------
Lines = list[bytes]
Change = Callable[[random.Random, Specimen, Lines], int]
"""Changes the lines and returns the first line (from 1) that is not as it was."""


def _pick(dice: random.Random, lines: Lines) -> int:
    return dice.randrange(len(lines) - 1)


def edit_a_byte(dice: random.Random, _: Specimen, lines: Lines) -> int:
    place = dice.randrange(len(lines))
    line = bytearray(lines[place])
    at = dice.randrange(len(line))
    line[at] = dice.choice([byte for byte in range(256) if byte != line[at]])
    lines[place] = bytes(line)
    return place + 1


def delete_a_line(dice: random.Random, _: Specimen, lines: Lines) -> int:
    place = _pick(dice, lines)
    del lines[place]
    return place + 1


def repeat_a_line(dice: random.Random, _: Specimen, lines: Lines) -> int:
    place = _pick(dice, lines)
    lines.insert(place + 1, lines[place])
    return place + 2


def swap_two_lines(dice: random.Random, _: Specimen, lines: Lines) -> int:
    first, second = sorted(dice.sample(range(len(lines) - 1), 2))
    lines[first], lines[second] = lines[second], lines[first]
    return first + 1


def insert_a_forged_line(dice: random.Random, specimen: Specimen, lines: Lines) -> int:
    place = _pick(dice, lines)
    new = replace(specimen.envelopes[place], id="f" * 32, version=specimen.envelopes[place].version + 1)
    lines.insert(place + 1, export.line_of(replace(new, hash=chain.digest(new))))
    return place + 2


def cut_the_tail(dice: random.Random, _: Specimen, lines: Lines) -> int:
    place = dice.randrange(1, len(lines))
    del lines[place:]
    return place + 1


def cut_the_tail_and_keep_the_seal(dice: random.Random, _: Specimen, lines: Lines) -> int:
    place = dice.randrange(1, len(lines) - 1)
    del lines[place:-1]
    return place + 1


def append_after_the_seal(dice: random.Random, _: Specimen, lines: Lines) -> int:
    lines.append(lines[_pick(dice, lines)])
    return len(lines)


def move_a_line_to_another_stream(dice: random.Random, specimen: Specimen, lines: Lines) -> int:
    place = _pick(dice, lines)
    names = [envelope.stream for envelope in specimen.envelopes if envelope.stream != specimen.envelopes[place].stream]
    lines[place] = export.line_of(replace(specimen.envelopes[place], stream=dice.choice(names)))
    return place + 1


def _rechain(specimen: Specimen, lines: Lines, place: int, changed: Envelope, sign: bool) -> None:
    """Put in a changed envelope and compute all later hashes of its stream anew; sign with the agent's key if asked."""
    keys = specimen.rig.keys_of(Zone.AGENT)
    previous = changed.previous
    for later in range(place, len(specimen.envelopes)):
        envelope = changed if later == place else specimen.envelopes[later]
        if envelope.stream != changed.stream:
            break
        envelope = replace(envelope, previous=previous)
        envelope = replace(envelope, hash=chain.digest(envelope))
        if sign:
            envelope = replace(envelope, signature=keys.sign(bytes.fromhex(envelope.hash)).hex())
        lines[later] = export.line_of(envelope)
        previous = envelope.hash


def rehash_from_there_on(dice: random.Random, specimen: Specimen, lines: Lines) -> int:
    place = _pick(dice, lines)
    _rechain(specimen, lines, place, replace(specimen.envelopes[place], cause="forged"), sign=False)
    return place + 1


def resign_with_the_wrong_zone(dice: random.Random, specimen: Specimen, lines: Lines) -> int:
    """What a taken-over agent zone could do: sign everything from there on with its own key."""
    broker = [place for place, envelope in enumerate(specimen.envelopes) if envelope.zone == Zone.BROKER]
    place = dice.choice(broker)
    key = specimen.rig.keys_of(Zone.AGENT).key_id
    as_itself = dice.random() < 0.5
    changed = replace(specimen.envelopes[place], cause="forged")
    changed = replace(changed, zone=Zone.AGENT, key=key) if as_itself else changed
    _rechain(specimen, lines, place, changed, sign=True)
    return place + 1


def seal_it_anew(dice: random.Random, specimen: Specimen, lines: Lines) -> int:
    """Cut the last line and make a fitting seal, signed by nobody who may."""
    del lines[-2]
    seal = export.read_seal(lines[-1])
    assert seal is not None
    last, gone = specimen.envelopes[-2], specimen.envelopes[-1]
    assert last.stream == gone.stream
    heads = {**dict(seal["heads"]), last.stream: {"version": last.version, "hash": last.hash}}
    digest = sha256(b"".join(lines[:-1])).hexdigest()
    forged = {**seal, "count": len(lines) - 1, "heads": heads, "digest": digest}
    lines[-1] = chain.canonical({"seal": forged}) + b"\n"
    return len(lines)


CHANGES: list[Change] = [
    edit_a_byte,
    delete_a_line,
    repeat_a_line,
    swap_two_lines,
    insert_a_forged_line,
    cut_the_tail,
    cut_the_tail_and_keep_the_seal,
    append_after_the_seal,
    move_a_line_to_another_stream,
    rehash_from_there_on,
    resign_with_the_wrong_zone,
    seal_it_anew,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_changed_export_is_found_and_its_first_bad_line_named(change: Change, specimen: Specimen) -> None:
    dice = random.Random(change.__name__)
    missed = []
    for _ in range(1 if change is seal_it_anew else TAMPERS):
        lines = list(specimen.lines)
        first = change(dice, specimen, lines)
        report = export.verify_lines(lines, specimen.ring.verify, "installation", lines[-1])
        blind = export.verify_lines(lines, specimen.ring.verify, "installation")
        if blind.ok:
            missed.append((first, None))
        if report.problem is None or report.problem.line != first:
            missed.append((first, report.problem))
    assert missed == []


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize(
    "change", [edit_a_byte, cut_the_tail, rehash_from_there_on], ids=lambda change: change.__name__
)
def test_a_changed_file_is_found_with_and_without_trusted_keys(
    change: Change, trusted: bool, specimen: Specimen, tmp_path: Path
) -> None:
    dice = random.Random(7)
    for _ in range(15):
        lines = list(specimen.lines)
        change(dice, specimen, lines)
        (tmp_path / "x").write_bytes(b"".join(lines))
        assert not verify_file(tmp_path / "x", specimen.ring if trusted else None).ok


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"\x00\xff" * 50, b"[" * 5000, b"{}\n", b'{"seal":{}}\n', b'{"seal":[]}']
)
def test_a_file_that_is_no_export_does_not_verify(content: bytes, tmp_path: Path, specimen: Specimen) -> None:
    (tmp_path / "x").write_bytes(content)
    for ring in (specimen.ring, None):
        report = verify_file(tmp_path / "x", ring)
        assert report.problem is not None
        assert report.problem.line == 1


# --- databases that somebody changed --------------------------------------------------------------------------------
def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [str(row[1]) for row in connection.execute(f"PRAGMA table_info({table})")]


def edit_a_cell(dice: random.Random, connection: sqlite3.Connection) -> None:
    table = dice.choice(["envelopes"] * 4 + ["heads"] * 3 + ["register"])
    row = dice.choice([found[0] for found in connection.execute(f"SELECT rowid FROM {table}")])
    column = dice.choice([name for name in _columns(connection, table) if (table, name) != ("register", "id")])
    old = connection.execute(f"SELECT {column} FROM {table} WHERE rowid = ?", [row]).fetchone()[0]
    choices: list[object] = ["", "x", 7, b"x", 1.5, "0" * 64, f"{old}x"]
    for value in dice.sample([value for value in choices if value != old], len(choices) - (old in choices)):
        try:
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", [value, row])
        except sqlite3.IntegrityError:
            continue
        if connection.execute(f"SELECT {column} FROM {table} WHERE rowid = ?", [row]).fetchone()[0] != old:
            return
    raise AssertionError("nothing was changed")


def delete_rows(dice: random.Random, connection: sqlite3.Connection) -> None:
    table = dice.choice(["envelopes", "envelopes", "heads", "inbox"])
    rows = [found[0] for found in connection.execute(f"SELECT rowid FROM {table}")]
    for row in dice.sample(rows, dice.randint(1, 3)):
        connection.execute(f"DELETE FROM {table} WHERE rowid = ?", [row])


def cut_a_tail(dice: random.Random, connection: sqlite3.Connection) -> None:
    """Cut the end of a stream and write the head that would fit, unsigned."""
    stream, version = dice.choice(
        connection.execute("SELECT stream, version FROM envelopes WHERE version > 1").fetchall()
    )
    connection.execute("DELETE FROM envelopes WHERE stream = ? AND version >= ?", [stream, version])
    query = "SELECT version, hash, wall, counter, zone, key, signature FROM envelopes WHERE stream = ? AND version = ?"
    last = connection.execute(query, [stream, version - 1]).fetchone()
    change = "UPDATE heads SET version = ?, hash = ?, wall = ?, counter = ?, zone = ?, key = ?, signature = ?"
    connection.execute(f"{change} WHERE stream = ?", [*last, stream])


def delete_a_stream(dice: random.Random, connection: sqlite3.Connection) -> None:
    """Delete a whole stream with its head, and count one less in the register."""
    stream = dice.choice([found[0] for found in connection.execute("SELECT stream FROM heads")])
    connection.execute("DELETE FROM envelopes WHERE stream = ?", [stream])
    connection.execute("DELETE FROM heads WHERE stream = ?", [stream])
    mark = connection.execute("SELECT mark FROM register").fetchone()[0]
    if dice.random() < 0.5:
        connection.execute("UPDATE register SET streams = streams - 1, mark = ?", [chain.mark_with(mark, stream)])


def swap_two_streams(dice: random.Random, connection: sqlite3.Connection) -> None:
    names = sorted(found[0] for found in connection.execute("SELECT stream FROM heads"))
    first, second = dice.sample(names, 2)
    for table in ("envelopes", "heads") if dice.random() < 0.5 else ("envelopes",):
        for old, new in ((first, "swap"), (second, first), ("swap", second)):
            connection.execute(f"UPDATE {table} SET stream = ? WHERE stream = ?", [new, old])


def add_an_envelope(dice: random.Random, connection: sqlite3.Connection) -> None:
    stream, version = dice.choice(connection.execute("SELECT stream, version FROM heads").fetchall())
    names = [name for name in _columns(connection, "envelopes") if name not in {"version", "id"}]
    listed = ", ".join(names)
    connection.execute(
        f"INSERT INTO envelopes (version, id, {listed}) SELECT version + 1, 'new', {listed} FROM envelopes"
        " WHERE stream = ? AND version = ?",
        [stream, version],
    )


def change_a_delivery(dice: random.Random, connection: sqlite3.Connection) -> None:
    change = dice.choice(["body = 'text'", "body = x'00'", "digest = 'x'", "id = 'x'"])
    connection.execute(f"UPDATE inbox SET {change} WHERE id = 'd-{dice.randrange(3)}'")


def change_an_artifact(dice: random.Random, connection: sqlite3.Connection) -> None:
    digest = dice.choice(connection.execute("SELECT digest FROM artifacts").fetchall())[0]
    change = dice.choice(
        [
            "UPDATE artifacts SET data = CAST(data || 'x' AS BLOB)",
            "UPDATE artifacts SET data = 'text'",
            "UPDATE artifacts SET digest = 'x'",
            "DELETE FROM artifacts",
        ]
    )
    connection.execute(f"{change} WHERE digest = ?", [digest])


def falsify_the_list_of_runs(dice: random.Random, connection: sqlite3.Connection) -> None:
    changes = [
        "state = 'done'",
        "head = 'x'",
        "issue = issue + 1",
        "change = 7",
        "version = 2",
        "repo = 'x'",
        "run = 'x'",
    ]
    statement = dice.choice([*(f"UPDATE runs SET {change}" for change in changes), "DELETE FROM runs"])
    connection.execute(f"{statement} WHERE run = 'run-{dice.randrange(3)}'")


DamageDone = Callable[[random.Random, sqlite3.Connection], None]
DAMAGES: list[DamageDone] = [
    edit_a_cell,
    delete_rows,
    cut_a_tail,
    delete_a_stream,
    swap_two_streams,
    add_an_envelope,
    change_a_delivery,
    change_an_artifact,
    falsify_the_list_of_runs,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_changed_database_is_found(damage: DamageDone, specimen: Specimen, tmp_path: Path) -> None:
    dice = random.Random(damage.__name__)
    missed = []
    for number in range(TAMPERS // 2):
        copy = tmp_path / f"{number}.db"
        shutil.copy(specimen.database, copy)
        with closing(sqlite3.connect(copy)) as connection, connection:
            damage(dice, connection)
        with closing(Database(f"sqlite:///{copy}")) as database:
            report = verify_database(database, specimen.ring.verify)
        if report.ok:
            missed.append(number)
    assert missed == []


@pytest.mark.parametrize("stream", ["run-1", "delivery:d-1"])
def test_the_line_stream_and_version_of_a_changed_row_are_named(
    stream: str, specimen: Specimen, tmp_path: Path
) -> None:
    copy = tmp_path / "x.db"
    shutil.copy(specimen.database, copy)
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute("UPDATE envelopes SET cause = 'x' WHERE stream = ? AND version = 2", [stream])
    with closing(Database(f"sqlite:///{copy}")) as database:
        problem = verify_database(database, specimen.ring.verify).problem
    assert problem is not None
    assert (problem.stream, problem.version, problem.what) == (stream, 2, "its content does not match its hash")
    assert specimen.envelopes[problem.line - 1].stream == stream
    assert specimen.envelopes[problem.line - 1].version == 2


@pytest.mark.parametrize(
    ("statement", "version", "what"),
    [
        ("UPDATE artifacts SET data = 'x' WHERE digest = '{}'", 3, "the artifact {} that it names was changed"),
        ("DELETE FROM artifacts", 3, "the artifact {} that it names is missing"),
        ("INSERT INTO artifacts VALUES ('00', 'x')", 0, "the stored artifact 00 was changed"),
        ("UPDATE runs SET state = 'done'", 6, "the list of runs has state 'done' for it, its facts say 'failed'"),
        ("DELETE FROM runs WHERE run = 'run-0'", 6, "it is missing in the list of runs"),
        ("UPDATE runs SET run = 'run-' WHERE run = 'run-1'", 0, "the list of runs has run-, of which there is no fact"),
    ],
)
def test_what_is_stored_beside_the_ledger_is_held_against_it(statement: str, version: int, what: str, rig: Rig) -> None:
    fill(rig)
    digest = sha256(b"prun-0").hexdigest()
    statement = statement.format(digest).replace("'x'", rig_bytes(rig))
    rig.database.write(lambda connection: connection.exec_driver_sql(statement))
    problem = verify_database(rig.database, rig.keys_of(Zone.BROKER).verify).problem
    assert problem is not None
    assert (problem.version, problem.what) == (version, what.format(digest))
    assert problem.stream == ("run-0" if version else "")
    assert problem.line == {3: 9, 6: 12, 0: 24}[version]


def rig_bytes(rig: Rig) -> str:
    """Return how this database writes a byte."""
    return "x'78'" if rig.database.is_sqlite else "'\\x78'::bytea"


def test_a_malformed_database_file_does_not_verify(specimen: Specimen, tmp_path: Path) -> None:
    copy = tmp_path / "x.db"
    content = bytearray(specimen.database.read_bytes())
    content[8192:] = bytes(len(content) - 8192)
    copy.write_bytes(content)
    with closing(Database(f"sqlite:///{copy}")) as database:
        assert not verify_database(database, specimen.ring.verify).ok


def test_an_unfinished_ledger_verifies_with_notes(rig: Rig) -> None:
    body = b"{}"
    rig.ledger(Zone.RECEIVER).receive(Delivery("d-1", "github", "issues", sha256(body).hexdigest(), body), [])
    intent = Intent("fix", Repo("github", "o/r"), 1, "t", "x", "ann", "main", "0" * 40, "review", "d-1")
    facts = [Requested(intent), EffectIntended("push", "push", "b")]
    rig.ledger().append("run-1", facts, expect=0, cause="d-1", row=row_of(Run("run-1", 1, intent), 2, 0.0))
    report = verify_database(rig.database, rig.keys_of(Zone.BROKER).verify)
    assert report.ok
    assert report.warnings == (
        "1 effects without an outcome: run-1 push",
        "1 deliveries not handled: d-1",
        "1 runs not ended: run-1",
    )


@pytest.mark.parametrize(
    ("facts", "version", "what"),
    [
        ([Woken("x"), EffectDone("push", "ok")], 2, "the effect push has an outcome but was never intended"),
        ([Handled("d-9", "ignored", "r")], 1, "the delivery d-9 was handled but never received"),
        ([Handled("d-9", "ignored", "r"), Handled("d-9", "ignored", "r")], 2, "the delivery d-9 was handled before"),
    ],
)
def test_a_story_that_makes_no_sense_does_not_verify(rig: Rig, facts: list[Fact], version: int, what: str) -> None:
    rig.ledger().append("delivery:d-9", facts, expect=0, cause="c")
    problem = verify_database(rig.database, rig.keys_of(Zone.BROKER).verify).problem
    assert problem is not None
    assert (problem.line, problem.stream, problem.version) == (version, "delivery:d-9", version)
    assert problem.what.startswith(what)
