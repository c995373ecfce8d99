"""The audit's ways in and out: exports in files, and the live database."""

import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, CursorResult, LargeBinary, Select, cast, select

from bot.adapters.database import Database
from bot.adapters.keys import KeyRing
from bot.adapters.ledger_rows import INBOX, body_changed, envelope_of, head_flaw, register_holds
from bot.adapters.schema import artifacts, envelopes, heads, inbox, register, runs
from bot.domain.errors import LedgerError, Tampered
from bot.ports import Time
from bot.services import audit, chain, export

LONGEST_LINE = 64 * 1024 * 1024
BATCH = 500
PROJECTED = ("repo", "issue", "change", "head", "state", "version")


def export_ledger(database: Database, keys: export.Signer, time: Time, path: Path) -> audit.Report:
    """Write the whole ledger, verified on the way, to a file (0600), which appears only when it is complete.

    When something is wrong no file is written and the report names it: a seal never vouches for a broken ledger.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            report = _write(database, keys, time, file)
            file.flush()
            os.fsync(file.fileno())
        if report.ok:
            draft.replace(path)
    except OSError as error:
        raise LedgerError(f"the export cannot be written to {path}: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)
    return report


def _write(database: Database, keys: export.Signer, time: Time, file: IO[bytes]) -> audit.Report:
    running = sha256()

    def write(line: bytes) -> None:
        running.update(line)
        file.write(line)

    with database.snapshot() as connection:
        auditor = audit.Auditor(keys.verify, _ends(connection))
        problem = _see_all(connection, auditor, write) or _checkpoints(connection, auditor, keys.verify)
    if problem is None:
        file.write(export.seal_line(auditor, running.hexdigest(), keys, time.now()))
    return _report(auditor, problem, running.hexdigest())


def verify_database(database: Database, verify: chain.Verify, since: Path | None = None) -> audit.Report:
    """Verify the database itself: every envelope, the signed heads, the register of streams, and what is stored beside.

    That is the bodies of the deliveries, the artifacts, and the list of runs.
    `since` is an earlier export that the database must hold and go on from. Raises OSError where it cannot be read.
    """
    before = _anchor(since, verify)
    auditor, running = audit.Auditor(verify), sha256()
    try:
        with database.snapshot() as connection:
            auditor = audit.Auditor(verify, _ends(connection), before)
            problem = (
                _see_all(connection, auditor, running.update)
                or _checkpoints(connection, auditor, verify)
                or _bodies(connection, auditor)
                or _artifacts(connection, auditor)
                or _projection(connection, auditor)
            )
    except LedgerError as error:  # such as a malformed file
        problem = audit.Problem(auditor.count + 1, "", 0, str(error))
    return _report(auditor, problem, running.hexdigest())


def _report(auditor: audit.Auditor, problem: audit.Problem | None, digest: str) -> audit.Report:
    warnings = auditor.warnings() if problem is None else ()
    return audit.Report(auditor.count, len(auditor.heads), problem, "installation", digest, warnings)


def _rows(connection: Connection, query: Select[Any], batch: int = BATCH) -> CursorResult[Any]:
    """Return the rows in batches; close it, or PostgreSQL's cursor stays open."""
    return connection.execute(query, execution_options={"yield_per": batch})


def _ends(connection: Connection) -> audit.Ends:
    with _rows(connection, select(heads.c.stream, heads.c.version, heads.c.hash)) as rows:
        # SQLite keeps values of any type in any column.
        known = {str(row.stream): (row.version if isinstance(row.version, int) else -1, row.hash) for row in rows}
    return audit.Ends("its signed head", known)


def _see_all(connection: Connection, auditor: audit.Auditor, write: Callable[[bytes], object]) -> audit.Problem | None:
    """Show every envelope to the auditor, and write those that are right as lines, up to the first problem."""
    with _rows(connection, select(envelopes).order_by(envelopes.c.stream, envelopes.c.version)) as rows:
        for row in rows:
            try:
                envelope = envelope_of(row)
            except Tampered as error:
                auditor.count += 1
                return auditor.problem(str(row.stream), row.version, str(error))
            problem = auditor.see(envelope)
            if problem:
                return problem
            write(export.line_of(envelope))
    return auditor.finish()


def _checkpoints(connection: Connection, auditor: audit.Auditor, verify: chain.Verify) -> audit.Problem | None:
    """Compare the ends that were seen with the signed heads, and the streams with the signed register."""
    left, mark, streams = dict(auditor.heads), chain.GENESIS, 0
    with _rows(connection, select(heads).order_by(heads.c.stream)) as rows:
        for row in rows:
            last = left.pop(row.stream, None)
            wrong = head_flaw(row, last, verify)
            if wrong:
                line = auditor.lines.get(row.stream, auditor.count)
                return audit.Problem(line, row.stream, last.version if last else 0, wrong)
            mark, streams = chain.mark_with(mark, row.stream), streams + 1
    known = connection.execute(select(register)).one_or_none()
    if known is None or not register_holds(known, verify):
        return auditor.problem("", 0, "the register of streams does not verify")
    if (known.streams, known.mark) != (streams, mark):
        return auditor.problem("", 0, f"the register knows {known.streams} streams, there are {streams}")
    return None


def _bodies(connection: Connection, auditor: audit.Auditor) -> audit.Problem | None:
    """Compare the stored deliveries with what was recorded as received."""
    left = dict(auditor.received)
    with _rows(connection, select(*INBOX).order_by(inbox.c.id)) as rows:
        for row in rows:
            digest = left.pop(row.id, None)
            if digest is None:
                return auditor.problem("", 0, f"the stored delivery {row.id} was never recorded as received")
            if digest != row.digest or body_changed(digest, row.body):
                return auditor.problem("", 0, f"the body of the stored delivery {row.id} was changed")
    for missing in left:
        return auditor.problem("", 0, f"the body of the delivery {missing} is missing")
    return None


def _artifacts(connection: Connection, auditor: audit.Auditor) -> audit.Problem | None:
    """Compare the stored artifacts with their digests, and these with what the facts name."""
    left = dict(auditor.artifacts)
    query = select(artifacts.c.digest, cast(artifacts.c.data, LargeBinary).label("data")).order_by(artifacts.c.digest)
    with _rows(connection, query, batch=1) as rows:  # each may have 64 MiB
        for row in rows:
            named = left.pop(row.digest, None)
            if not isinstance(row.data, bytes) or body_changed(str(row.digest), row.data):
                if named is not None:
                    return replace(named, what=f"{named.what} was changed")
                return auditor.problem("", 0, f"the stored artifact {row.digest} was changed")
    missing = min(left.values(), key=lambda problem: problem.line, default=None)
    return replace(missing, what=f"{missing.what} is missing") if missing is not None else None


def _projection(connection: Connection, auditor: audit.Auditor) -> audit.Problem | None:
    """Compare the list of runs with what their streams fold to."""
    left = dict(auditor.rows)
    with _rows(connection, select(runs).order_by(runs.c.run)) as rows:
        for row in rows:
            known = left.pop(row.run, None)
            if known is None:
                return auditor.problem("", 0, f"the list of runs has {row.run}, of which there is no fact")
            for name in PROJECTED:
                listed, told = getattr(row, name), getattr(known, name)
                if listed != told:
                    what = f"the list of runs has {name} {listed!r} for it, its facts say {told!r}"
                    return audit.Problem(auditor.lines[known.run], known.run, known.version, what)
    for missing in sorted(left):
        what = "it is missing in the list of runs"
        return audit.Problem(auditor.lines[missing], missing, left[missing].version, what)
    return None


def verify_file(path: Path, trusted: KeyRing | None, since: Path | None = None) -> audit.Report:
    """Verify an export with the trusted keys, or else with those that its seal declares; raises OSError.

    Self-declared keys show that nobody without one of these keys changed the file, but not whose keys they are.
    `since` is an earlier export that this one must hold and go on from.
    """
    last = _last_line(path)
    verify = trusted.verify if trusted else _declared(last)
    before = _anchor(since, verify)
    with path.open("rb") as file:
        return export.verify_lines(_lines(file), verify, "installation" if trusted else "self-declared", last, before)


def _anchor(since: Path | None, verify: chain.Verify) -> audit.Ends | None:
    """Return the ends in an earlier export's seal; only that last line is needed. Raises LedgerError."""
    if since is None:
        return None
    ends = export.sealed_ends(export.read_seal(_last_line(since)), verify)
    if ends is None:
        raise LedgerError(f"the last line of {since} is no seal that one of the known keys signed")
    return ends


def _last_line(path: Path) -> bytes:
    last = b""
    with path.open("rb") as file:
        for line in _lines(file):
            last = line
    return last


def _declared(last: bytes) -> chain.Verify:
    try:
        return KeyRing(export.declared_keys(export.read_seal(last) or {})).verify
    except ValueError:
        return lambda _zone, _key, _message, _signature: True  # the missing seal is what will be reported


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Give the lines; one that is too long is cut, and so cannot be read."""
    while line := file.readline(LONGEST_LINE):
        yield line
        if not line.endswith(b"\n"):
            return
