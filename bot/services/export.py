"""Exports: the whole ledger as lines that anybody can verify. Pure.

An export has one envelope a line (canonical JSON, in the order of stream and version) and a last line, the seal:
`{"seal": {...}}` with the number of envelopes, the head of each stream, the SHA-256 over all the lines before it, the
time, the public keys, and a signature over all that.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Protocol

from bot.domain.envelope import Envelope, Zone
from bot.ports import Keys
from bot.services import chain
from bot.services.audit import Auditor, Ends, Problem, Report, Trust

PublicKeys = Mapping[Zone, Mapping[str, bytes]]


class Signer(Keys, Protocol):
    """Keys that can also list the public ones."""

    @property
    def public(self) -> PublicKeys: ...


def line_of(envelope: Envelope) -> bytes:
    """Return an envelope as a line of an export."""
    return chain.canonical(chain.to_json(envelope)) + b"\n"


def seal_line(auditor: Auditor, digest: str, keys: Signer, now: float) -> bytes:
    """Return the last line of an export: what the lines before it must add up to, signed."""
    heads = {name: _head(end) for name, end in auditor.heads.items()}
    seal: dict[str, object] = {
        "count": auditor.count,
        "heads": heads,
        "digest": digest,
        "time": now,
        "zone": keys.zone.value,
        "key": keys.key_id,
        "public": {zone.value: {name: raw.hex() for name, raw in known.items()} for zone, known in keys.public.items()},
    }
    signature = keys.sign(_seal_message(seal)).hex()
    return chain.canonical({"seal": {**seal, "signature": signature}}) + b"\n"


def _seal_message(seal: Mapping[str, object]) -> bytes:
    return chain.canonical({"seal": {name: value for name, value in seal.items() if name != "signature"}})


def read_seal(line: bytes) -> dict[str, object] | None:
    """Return the seal that a line holds, or None when it holds none."""
    try:
        value = chain.parse(line)
    except ValueError:
        return None
    match value:
        case {"seal": dict(seal), **rest} if not rest:
            return seal
        case _:
            return None


def declared_keys(seal: Mapping[str, object]) -> dict[Zone, dict[str, bytes]]:
    """Return the public keys that a seal lists; raises ValueError when they are malformed."""
    match seal.get("public"):
        case dict(public):
            return {Zone(zone): _raw_keys(known) for zone, known in public.items()}
        case _:
            raise ValueError("the seal lists no public keys")


def _raw_keys(known: object) -> dict[str, bytes]:
    match known:
        case dict() if all(isinstance(raw, str) for raw in known.values()):
            return {str(name): bytes.fromhex(raw) for name, raw in known.items()}
        case _:
            raise ValueError("the seal's public keys are malformed")


def sealed_ends(seal: Mapping[str, object] | None, verify: chain.Verify) -> Ends | None:
    """Return where the streams end according to a seal, if its signature can be trusted."""
    if seal is None or not _seal_vouched(seal, verify):
        return None
    heads = seal.get("heads")
    ends: dict[str, tuple[int, str]] = {}
    for name, head in (heads if isinstance(heads, dict) else {}).items():
        match head:
            case {"version": int(version), "hash": str(hash_)}:
                ends[str(name)] = (version, hash_)
            case _:
                return None  # `_seal_flaw` will say so, where the seal stands
    return Ends("the seal", ends)


def verify_lines(
    lines: Iterable[bytes], verify: chain.Verify, trust: Trust, last: bytes = b"", since: Ends | None = None
) -> Report:
    """Verify an export, line by line, up to the first that is wrong.

    `last` is the last line, read ahead: with the seal known, a missing line is named where it is missing.
    """
    auditor = Auditor(verify, sealed_ends(read_seal(last), verify), since)
    running, sealed, number = sha256(), False, 0
    problem: Problem | None = None
    for number, line in enumerate(lines, start=1):
        if sealed:
            problem = Problem(number, "", 0, "there is something after the seal")
            break
        seal = read_seal(line) if line.startswith(b'{"seal":') else None
        if seal is None:
            problem = _see_line(auditor, line)
            running.update(line)
        else:
            sealed = True
            problem = auditor.finish()
            wrong = None if problem else _seal_flaw(seal, line, auditor, running.hexdigest(), verify)
            problem = Problem(number, "", 0, wrong) if wrong else problem
        if problem:
            break
    if problem is None and not sealed:
        problem = Problem(number + 1, "", 0, "the seal is missing here: the end of the ledger was cut off")
    warnings = auditor.warnings() if problem is None else ()
    return Report(auditor.count, len(auditor.heads), problem, trust, running.hexdigest(), warnings)


def _see_line(auditor: Auditor, line: bytes) -> Problem | None:
    try:
        value = chain.parse(line)
        envelope = chain.from_json(value)
        exact = line_of(envelope) == line
    except ValueError as error:
        auditor.count += 1
        return auditor.problem("", 0, f"it cannot be read: {str(error).splitlines()[0]}")
    if not exact:
        auditor.count += 1
        return auditor.problem(envelope.stream, envelope.version, "it is not in canonical form (RFC 8785, one line)")
    return auditor.see(envelope)


def _head(end: chain.End) -> dict[str, object]:
    return {"version": end.version, "hash": end.hash}


def _seal_flaw(
    seal: Mapping[str, object], line: bytes, auditor: Auditor, digest: str, verify: chain.Verify
) -> str | None:
    if seal.get("count") != auditor.count:
        return f"the seal counts {seal.get('count')} envelopes, there are {auditor.count}"
    if seal.get("heads") != {name: _head(end) for name, end in auditor.heads.items()}:
        return "the seal names other ends of the streams"
    if seal.get("digest") != digest:
        return "the seal's digest is of other lines"
    if not _seal_vouched(seal, verify):
        return f"the seal's signature is not by the key {seal.get('key')} of the zone {seal.get('zone')}"
    if chain.canonical({"seal": dict(seal)}) + b"\n" != line:
        return "the seal is not in canonical form (RFC 8785, one line)"
    return None


def _seal_vouched(seal: Mapping[str, object], verify: chain.Verify) -> bool:
    try:
        signature = bytes.fromhex(str(seal.get("signature")))
        return verify(Zone(str(seal.get("zone"))), str(seal.get("key")), _seal_message(seal), signature)
    except ValueError:
        return False
