"""The audit: does a whole ledger tell one story that nobody has changed? Pure; the envelopes come in a stream.

What is stored beside the ledger (deliveries, artifacts, the list of runs) is held against what the envelopes say of it:
the auditor gathers that on its way.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal

from bot.domain.envelope import Envelope
from bot.domain.errors import Tampered
from bot.domain.facts import (
    ChangeClosed,
    EffectDone,
    EffectFailed,
    EffectIntended,
    Fact,
    Failed,
    Handled,
    Merged,
    Received,
    Requested,
    Retried,
    SourceStored,
    Stopped,
    TaskDone,
    decode,
)
from bot.domain.run import Run, extend, fold
from bot.ports import RunRow
from bot.services import chain
from bot.services.books import row_of

Trust = Literal["installation", "self-declared"]


@dataclass(frozen=True, slots=True)
class Problem:
    """The first thing that is wrong. `line` counts envelopes from 1 in the order of stream and version."""

    line: int
    stream: str
    version: int
    what: str

    def __str__(self) -> str:
        place = f" (stream {self.stream}, version {self.version})" if self.stream else ""
        return f"line {self.line}{place}: {self.what}"


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit found. `trust` says where the public keys came from; `warnings` are no errors."""

    envelopes: int
    streams: int
    problem: Problem | None
    trust: Trust
    digest: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Tell whether nothing is wrong."""
        return self.problem is None


@dataclass(frozen=True, slots=True)
class Ends:
    """Where each stream has to end (version and hash), and who says so: known before the envelopes are seen."""

    by: str
    heads: Mapping[str, tuple[int, str]]


@dataclass(slots=True)
class _Stream:
    """What the audit keeps of the stream that it is in."""

    name: str
    last: Envelope
    intended: dict[str, bool] = field(default_factory=dict)
    folded: Run | None = None
    run: Literal["no", "open", "over"] = "no"


class Auditor:
    """Sees every envelope of a ledger in the order of stream and version, and remembers no more than it must.

    With `ends` known, a missing line is noticed where it is missing. `since` are the ends of an earlier export, which
    this ledger must hold and go on from.
    """

    def __init__(self, verify: chain.Verify, ends: Ends | None = None, since: Ends | None = None) -> None:
        self._verify = verify
        self._ends = ends
        self._since = dict(since.heads) if since else {}
        self._order = iter(sorted(ends.heads) if ends else ())
        self._now: _Stream | None = None
        self._ids: set[bytes] = set()
        self._handled: dict[str, Problem] = {}
        self._open_effects: list[str] = []
        self._open_runs: list[str] = []
        self.received: dict[str, str] = {}
        self.artifacts: dict[str, Problem] = {}
        """Digests that facts name, each with what is to be said where it was named first."""
        self.rows: dict[str, RunRow] = {}
        """What each run folds to; `updated` is not known."""
        self.heads: dict[str, chain.End] = {}
        self.lines: dict[str, int] = {}
        self.count = 0

    def see(self, envelope: Envelope) -> Problem | None:
        """Take the next envelope; return what is wrong with it, given all before it."""
        self.count += 1
        if self._now is None or envelope.stream != self._now.name:
            moved = self._border(envelope)
            if moved:
                return moved
        wrong = self._place(envelope) or self._once(envelope) or self._meaning(envelope)
        return self.problem(envelope.stream, envelope.version, wrong) if wrong else None

    def problem(self, stream: str, version: int, what: str) -> Problem:
        """Return a problem at the envelope seen last."""
        return Problem(self.count, stream, version, what)

    def finish(self) -> Problem | None:
        """End the audit; return what only the whole ledger can show."""
        missing = self._border(None)
        self._leave()
        if missing:
            return missing
        for name, (version, _) in sorted(self._since.items()):
            line = self.lines.get(name, self.count)
            return Problem(line, name, version, "it is missing: the earlier export has it")
        unknown = [where for delivery, where in self._handled.items() if delivery not in self.received]
        return min(unknown, key=lambda problem: problem.line, default=None)

    def warnings(self) -> tuple[str, ...]:
        """Return what is unfinished, as in every ledger that is alive. After `finish`."""
        unhandled = [delivery for delivery in self.received if delivery not in self._handled]
        found = (
            ("effects without an outcome", self._open_effects),
            ("deliveries not handled", unhandled),
            ("runs not ended", self._open_runs),
        )
        return tuple(f"{len(names)} {what}: {_some(names)}" for what, names in found if names)

    def _border(self, envelope: Envelope | None) -> Problem | None:
        """Check that one stream may end here and this one begin (None: the ledger end)."""
        if self._ends is None:
            return None
        line, by = self.count + (envelope is None), self._ends.by
        if self._now is not None:
            last = self._now.last
            version, hash_ = self._ends.heads[last.stream]
            if last.version < version:
                return Problem(line, last.stream, last.version + 1, f"it is missing: {by} ends at version {version}")
            if (last.version, last.hash) != (version, hash_):
                return Problem(self.lines[last.stream], last.stream, last.version, f"{by} has another end")
        name = envelope.stream if envelope else None
        expected = next(self._order, None)
        if name == expected:
            return None
        if envelope and (expected is None or envelope.stream < expected):
            return Problem(line, envelope.stream, envelope.version, f"{by} does not know this stream")
        return Problem(line, str(expected), 1, f"the stream is missing: {by} knows it")

    def _place(self, envelope: Envelope) -> str | None:
        """Check order, chain, hash, right, signature and clock."""
        previous = None
        if self._now is not None and envelope.stream == self._now.name:
            previous = self._now.last
        elif self._now is not None and envelope.stream < self._now.name:
            return f"streams are out of order: {envelope.stream} after {self._now.name}"
        wrong = chain.flaw(envelope, previous, self._verify)
        if wrong:
            return wrong
        if self._now is None or previous is None:
            self._leave()
            self._now = _Stream(envelope.stream, envelope)
        self._now.last = envelope
        self.lines[envelope.stream] = self.count
        version, hash_ = self._since.get(envelope.stream, (0, ""))
        if envelope.version == version:
            del self._since[envelope.stream]
            if envelope.hash != hash_:
                return "it is not the one of the earlier export"
        return None

    def _leave(self) -> None:
        if self._now is None:
            return
        name = self._now.name
        self.heads[name] = chain.end_of(self._now.last)
        self._open_effects += [f"{name} {key}" for key, done in self._now.intended.items() if not done]
        if self._now.run == "open":
            self._open_runs.append(name)
        if self._now.folded is not None:
            self.rows[name] = row_of(self._now.folded, self._now.last.version, 0.0)

    def _once(self, envelope: Envelope) -> str | None:
        name = sha256(envelope.id.encode()).digest()[:16]
        if name in self._ids:
            return f"the id {envelope.id} is not the only one"
        self._ids.add(name)
        return None

    def _meaning(self, envelope: Envelope) -> str | None:
        try:
            fact = decode(envelope.kind, envelope.body)
        except (KeyError, ValueError, TypeError) as error:
            return f"its body is no {envelope.kind}: {str(error).splitlines()[0]}"
        self._runs(fact)
        self._artifacts(fact, envelope)
        return self._effects(fact) or self._deliveries(fact, envelope) or self._fold(fact, envelope)

    def _artifacts(self, fact: Fact, envelope: Envelope) -> None:
        match fact:
            case SourceStored(digest=digest) | TaskDone(patch=digest):
                what = f"the artifact {digest} that it names"
                self.artifacts.setdefault(digest, self.problem(envelope.stream, envelope.version, what))
            case _:
                pass

    def _fold(self, fact: Fact, envelope: Envelope) -> str | None:
        now = self._stream()
        try:
            if isinstance(fact, Requested) and envelope.version == 1:
                now.folded = fold([envelope])
            elif now.folded is not None:
                now.folded = extend(now.folded, [envelope])
        except Tampered as error:
            return str(error)
        return None

    def _effects(self, fact: Fact) -> str | None:
        now = self._stream()
        match fact:
            case EffectIntended(key):
                now.intended[key] = False
            case EffectDone(key) | EffectFailed(key):
                if key not in now.intended:
                    return f"the effect {key} has an outcome but was never intended"
                now.intended[key] = True
            case _:
                pass
        return None

    def _deliveries(self, fact: Fact, envelope: Envelope) -> str | None:
        match fact:
            case Received(delivery, _, digest):
                if delivery in self.received:
                    return f"the delivery {delivery} was received twice"
                if (envelope.stream, envelope.version) != (f"delivery:{delivery}", 1):
                    return f"the delivery {delivery} was received elsewhere than at the beginning of its own stream"
                self.received[delivery] = digest
            case Handled(delivery):
                if envelope.stream != f"delivery:{delivery}":
                    return f"the delivery {delivery} was handled in the stream of something else"
                if delivery in self._handled:
                    return f"the delivery {delivery} was handled before, on line {self._handled[delivery].line}"
                what = f"the delivery {delivery} was handled but never received"
                self._handled[delivery] = self.problem(envelope.stream, envelope.version, what)
            case _:
                pass
        return None

    def _runs(self, fact: Fact) -> None:
        now = self._stream()
        match fact:
            case Requested() | Retried():
                now.run = "open"
            case Merged() | Failed() | Stopped() | ChangeClosed():
                now.run = "over"
            case _:
                pass

    def _stream(self) -> _Stream:
        if self._now is None:
            raise RuntimeError("an envelope's meaning was asked before its place")
        return self._now


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
