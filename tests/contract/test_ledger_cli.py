"""`journeyman audit ...` as people and scripts meet it: exit codes, one line, one JSON document."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli.audit import app as audit
from bot.cli.runs import app as runs
from tests.contract.ledger_rig import Rig, installation
from tests.contract.test_ledger_audit import fill


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Rig:
    directory = tmp_path_factory.mktemp("cli")
    with installation("sqlite", directory) as made:
        fill(made)
        return made


def journeyman(rig: Rig, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of `audit` in this process: starting one takes longer than what it does."""
    environment = {
        "JOURNEYMAN_DATABASE_URL": rig.url,
        "JOURNEYMAN_KEYS_DIR": str(rig.keys),
        "JOURNEYMAN_DATA_DIR": str(rig.keys.parent / "data"),
        "COLUMNS": "200",
    }
    done = CliRunner().invoke(audit, arguments, env=environment)
    return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)


def test_a_ledger_is_exported_and_verified(rig: Rig, tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    exported = journeyman(rig, "export", str(file))
    assert (exported.returncode, exported.stderr) == (0, "")
    assert exported.stdout.startswith(f"exported to {file}: 24 envelopes in 6 streams, sha256 ")
    live = journeyman(rig, "verify")
    assert live.returncode == 0
    assert live.stdout.startswith("ok: 24 envelopes in 6 streams, sha256 ")
    trusted = journeyman(rig, "verify", str(file), "--keys", str(rig.keys), "--json")
    assert (trusted.returncode, trusted.stderr) == (0, "")
    document = json.loads(trusted.stdout)
    assert (document["audit"], document["envelopes"], document["trust"]) == ("ok", 24, "installation")
    declared = journeyman(rig, "verify", str(file))
    assert declared.returncode == 0
    assert "--keys" in declared.stderr


def test_the_first_bad_line_of_an_export_is_named(rig: Rig, tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    journeyman(rig, "export", str(file))
    lines = file.read_bytes().splitlines(keepends=True)
    lines[4] = lines[4].replace(b'"cause":"', b'"cause":"x', 1)
    file.write_bytes(b"".join(lines))
    plain = journeyman(rig, "verify", str(file))
    assert plain.returncode == 1
    assert "line 5 (stream" in plain.stderr
    document = json.loads(journeyman(rig, "verify", str(file), "--json").stdout)
    assert document["audit"] == "bad"
    assert document["problem"]["line"] == 5
    assert document["problem"]["what"] == "its content does not match its hash"


def test_a_changed_database_is_neither_verified_nor_exported(tmp_path: Path) -> None:
    with installation("sqlite", tmp_path) as rig:
        fill(rig)
    with closing(sqlite3.connect(tmp_path / "ledger" / "journeyman.db")) as connection, connection:
        connection.execute("DELETE FROM envelopes WHERE stream = 'run-1' AND version = 6")
    for arguments in (["verify"], ["export", str(tmp_path / "x")]):
        done = journeyman(rig, *arguments)
        assert done.returncode == 1
        assert "stream run-1, version 6" in done.stderr
    assert not (tmp_path / "x").exists()


def at_home(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the whole command line with everything in one directory."""
    environment = {"PATH": os.environ["PATH"], "JOURNEYMAN_DATA_DIR": str(home), "COLUMNS": "200"}
    command = [sys.executable, "-c", "from bot.cli import main; main()", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("screen", [{}, {"COLUMNS": "30", "FORCE_COLOR": "1", "TERM": "xterm", "NO_COLOR": "1"}])
def test_the_id_of_a_run_is_never_cut(rig: Rig, screen: dict[str, str]) -> None:
    own = {"JOURNEYMAN_DATABASE_URL": rig.url, "JOURNEYMAN_KEYS_DIR": str(rig.keys), **screen}
    listed = CliRunner().invoke(runs, ["list"], env=own)
    assert re.findall(r"run-\d+ ", listed.stdout) == ["run-2 ", "run-1 ", "run-0 "]
    assert ("github:o/r" in listed.stdout) == (not screen)


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ("run-1", 0, "asked for a fix of #1 "),
        ("1", 0, "asked for a fix of #1 "),
        ("run-1…", 0, "asked for a fix of #1 "),
        ("run-", 1, "run- is the beginning of several runs: run-0, run-1, run-2; give more of the one you mean."),
        ("run-3", 1, "There is no run run-3; `journeyman runs list` lists all."),
        ("delivery:d-1", 1, "There is no run delivery:d-1;"),
        ("run-_", 1, "There is no run run-_;"),
    ],
)
def test_a_run_is_found_by_as_much_of_its_id_as_is_clear(rig: Rig, given: str, code: int, words: str) -> None:
    own = {"JOURNEYMAN_DATABASE_URL": rig.url, "JOURNEYMAN_KEYS_DIR": str(rig.keys)}
    done = CliRunner().invoke(runs, ["show", given], env=own)
    assert (done.exit_code, words in done.output) == (code, True), done.output


LOOKS = [["audit", "verify"], ["runs", "list"], ["runs", "show", "run-1"]]


def test_looking_needs_no_private_key_and_changes_nothing(rig: Rig, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "keys").mkdir(parents=True)
    shutil.copy(rig.keys.parent / "ledger" / "journeyman.db", home)
    for path in rig.keys.glob("*.pub"):
        shutil.copy(path, home / "keys")
    (home / "journeyman.db").chmod(0o444)
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    for arguments in LOOKS:
        done = at_home(home, *arguments)
        assert (done.returncode, done.stderr) == (0, "")
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before
    refused = at_home(home, "audit", "export", str(tmp_path / "x"))
    assert (refused.returncode, (tmp_path / "x").exists()) == (78, False)
    assert "private key of the zone broker" in refused.stderr


@pytest.mark.parametrize("arguments", [*LOOKS, ["audit", "export", "x"]], ids=" ".join)
@pytest.mark.parametrize("there", ["nothing", "an empty database"])
def test_where_there_is_no_database_none_is_made(arguments: list[str], there: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    if there == "an empty database":
        home.mkdir()
        (home / "journeyman.db").touch()
    done = at_home(home, *arguments)
    assert (done.returncode, done.stdout) == (78, "")
    assert "`journeyman up` makes one" in done.stderr
    assert home.exists() == (there == "an empty database")
    assert not (home / "keys").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verify", "/none/ledger.jsonl"], "cannot be read"),
        (["verify", "/"], "cannot be read"),
        (["verify", "--keys", "/none"], "no directory of keys"),
        (["export", "/none/ledger.jsonl"], "cannot be written"),
        (["export"], "Missing argument"),
        (["verify", "--nonsense"], "No such option"),
    ],
)
def test_what_cannot_work_is_exit_code_2_with_the_reason(rig: Rig, arguments: list[str], message: str) -> None:
    done = journeyman(rig, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message.lower() in done.stderr.lower()


@pytest.mark.parametrize("command", ["export", "verify"])
def test_help_shows_an_example_and_the_exit_codes(rig: Rig, command: str) -> None:
    done = journeyman(rig, command, "--help")
    assert done.returncode == 0
    assert f"Example: journeyman audit {command}" in done.stdout
    assert "Exit codes:" in done.stdout


def test_help_of_the_group_shows_an_example(rig: Rig) -> None:
    done = journeyman(rig, "--help")
    assert (done.returncode, "Example: journeyman audit verify" in done.stdout) == (0, True)
