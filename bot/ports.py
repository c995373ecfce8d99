"""The small interfaces that the services own. Adapters implement them; `bootstrap.py` alone names the adapters."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from bot.domain.change import Change, Check, GateReport, Issue, Ref, Remote, Repo, Role, Subject
from bot.domain.envelope import Clock, Envelope, Zone
from bot.domain.events import Delivery
from bot.domain.facts import Fact
from bot.policy.gate import Permit


# --- ledger ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Place:
    """A place in a lane: the jobs of one lane are worked on one at a time, by rising number."""

    lane: str
    number: int


@dataclass(frozen=True, slots=True)
class Job:
    """A durable wish that somebody calls `name(key)`; `name` and `key` together are its identity.

    Wishing for a job that already waits changes nothing; wishing for one that is running makes it run once more
    afterwards. `due` is the earliest time in seconds since the epoch; None means now. A job with a `place` waits for
    those before it in the lane, however long they pause, until they are done or die; it keeps the place of its first
    wish.
    """

    name: Literal["deliver", "advance", "execute", "reconcile"]
    key: str
    due: float | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class RunRow:
    """The read model of one run, kept in the same transaction as its facts."""

    run: str
    repo: str
    issue: int
    change: int | None
    state: str
    version: int
    updated: float
    head: str = ""


class Ledger(Protocol):
    """The append-only truth. All methods are safe to call from many processes and threads."""

    def append(
        self,
        stream: str,
        facts: Sequence[Fact],
        *,
        expect: int,
        cause: str,
        jobs: Sequence[Job] = (),
        row: RunRow | None = None,
    ) -> list[Envelope]:
        """Append facts to a stream in one transaction with the wished jobs and the run's row.

        `expect` is the stream's present version (0: it must not exist). `cause` is the id of the envelope or delivery
        that led to this. Raises Conflict when the stream is at another version.
        """
        ...

    def read(self, stream: str, *, after: Envelope | None = None) -> list[Envelope]:
        """Return a stream in order, every envelope verified (hash, chain, signature, right); raises Tampered.

        With `after`, an envelope of it that was read before: what follows.
        """
        ...

    def receive(self, delivery: Delivery, jobs: Sequence[Job]) -> bool:
        """Store a delivery, its Received fact and the jobs in one transaction; False when this body or id is known."""
        ...

    def delivery(self, delivery_id: str) -> Delivery:
        """Return a stored delivery; raises KeyError."""
        ...

    def runs(
        self,
        *,
        repo: str | None = None,
        issue: int | None = None,
        change: int | None = None,
        head: str | None = None,
        limit: int = 50,
    ) -> list[RunRow]:
        """Return rows that fit all that is given, latest first; `head` is the change's present commit."""
        ...


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on one job for now; `fence` grows with every claim.

    `silent` counts the claims in a row, this one too, of which nobody reported an end. `dying` is why the job died: its
    end is still to be recorded, and nothing else may be done.
    """

    name: str
    key: str
    fence: int
    attempt: int
    silent: int = 1
    dying: str | None = None


class Jobs(Protocol):
    """The durable list of wished jobs behind Celery. Celery messages only say: look now."""

    def claim(self, name: str, key: str, *, seconds: float) -> Lease | None:
        """Take a due, unleased job for `seconds`, counting the attempt first; None when there is nothing to take.

        Nothing is to be taken either while it is another's turn in the job's lane.
        """
        ...

    def renew(self, lease: Lease, *, seconds: float) -> None:
        """Prolong a lease by compare-and-set; raises LeaseLost when somebody else has the job."""
        ...

    def finish(self, lease: Lease, *, again: float | None = None) -> Sequence[Job]:
        """End a claim: the job is done, or due again at `again`, or at once when it was wished for meanwhile.

        Resets the attempts, and returns the job of its lane whose turn it is now. A lost lease is ignored.
        """
        ...

    def fail(self, lease: Lease, reason: str, *, retry_at: float, dead_after: int, ours: bool = True) -> bool:
        """Record a failed attempt; the job is due again at `retry_at`, or dies (True): say `buried` then.

        It dies after so many failures of ours; one of the outside world (not `ours`) counts all attempts instead.
        """
        ...

    def buried(self, lease: Lease) -> Sequence[Job]:
        """End a dying job, whose end is recorded; until then its lease can be taken over to do that.

        Returns the job of its lane whose turn it is now.
        """
        ...

    def overtakers(self, name: str, key: str) -> list[str]:
        """Return the keys of jobs of this name that come after this one in its lane, but were begun already.

        They are there when this job was wished for after that.
        """
        ...

    def wish(self, jobs: Sequence[Job]) -> None:
        """Add jobs outside any append."""
        ...

    def due(self, *, limit: int, resend_after: float) -> list[Job]:
        """Return jobs that should be sent (again) now and mark them as sent.

        That is: due, not done, not leased (or the lease has run out), and not sent within `resend_after` seconds.
        """
        ...


class Queue(Protocol):
    """The wake-up channel. Losing it loses nothing; `send` never raises for a broker that is down."""

    def send(self, jobs: Iterable[Job]) -> bool:
        """Ask the right zone to look at these jobs; False when the broker could not be reached."""
        ...


class Artifacts(Protocol):
    """Bytes by their SHA-256 (hex)."""

    def put(self, data: bytes) -> str:
        """Store bytes and return their digest."""
        ...

    def get(self, digest: str) -> bytes:
        """Return the bytes, verified; raises KeyError, or Tampered when they do not match."""
        ...


class Memo(Protocol):
    """Answers that were paid for once (model calls, tool results), so that a restart does not pay twice."""

    def recall(self, scope: str, key: str) -> bytes | None:
        """Return what was remembered in this scope (a run and task), or None."""
        ...

    def remember(self, scope: str, key: str, value: bytes) -> None:
        """Remember; the first value for a key stays."""
        ...


class Keys(Protocol):
    """The zone's own signing key and everybody's public keys (Ed25519)."""

    zone: Zone
    key_id: str

    def sign(self, message: bytes) -> bytes:
        """Sign with the zone's private key."""
        ...

    def verify(self, zone: Zone, key_id: str, message: bytes, signature: bytes) -> bool:
        """Tell whether this zone's key of that id made the signature."""
        ...


class Time(Protocol):
    """The clock on the wall and the hybrid logical clock."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        ...

    def tick(self, *seen: Clock) -> Clock:
        """Return a logical clock later than all seen."""
        ...


# --- forge ----------------------------------------------------------------------------------------------------------
class Forge(Protocol):
    """What the services need of a forge. Reads return snapshots; writes can be said twice.

    Every method raises a ForgeError: NotFound, Denied, Stale, Invalid or Unavailable.
    """

    def whoami(self) -> str:
        """Return the bot's own login."""
        ...

    def address(self, login: str) -> str:
        """Return the mail address that the forge takes for this account's where no other is known."""
        ...

    def issue(self, repo: Repo, number: int) -> Issue:
        """Return an issue."""
        ...

    def change(self, repo: Repo, number: int) -> Change:
        """Return a change, all of it read while head and base stood still; Invalid when it cannot be seen in full."""
        ...

    def role(self, repo: Repo, login: str) -> Role:
        """Return what a person may do; NONE for nobody and for people whom the forge does not know."""
        ...

    def default_branch(self, repo: Repo) -> str:
        """Return the name of the default branch."""
        ...

    def head(self, repo: Repo, branch: str) -> str:
        """Return the commit that a branch points at."""
        ...

    def file(self, repo: Repo, path: str, sha: str) -> str | None:
        """Return a text file at a commit, None when there is none."""
        ...

    def checks(self, repo: Repo, sha: str) -> tuple[Check, ...]:
        """Return the check runs and statuses of a commit, the newest per name and source."""
        ...

    def remote(self, repo: Repo, access: Literal["read", "write"]) -> Remote:
        """Return where git fetches and pushes, with a credential for just that."""
        ...

    def pushed(self, repo: Repo) -> None:
        """Take back what was issued for a push, now that it is over; never raises for what the forge says."""
        ...

    def ensure_change(
        self, repo: Repo, *, branch: str, base: str, title: str, body: str, plan: str, permit: Permit
    ) -> Change:
        """Open the change from `branch`, or find the one that is open; look before creating. `plan` is the digest."""
        ...

    def ensure_comment(self, subject: Subject, topic: str, body: str) -> int:
        """Write or edit the bot's one comment on this topic (hidden marker and own author); returns its id."""
        ...

    def react(self, subject: Subject, comment: int, reaction: str) -> None:
        """Put a reaction such as `eyes` on a comment, once."""
        ...

    def set_gate(self, repo: Repo, sha: str, report: GateReport) -> None:
        """Create or update the check run `journeyman/gate` on a commit (commit status if it may not)."""
        ...

    def merge(self, ref: Ref, permit: Permit, *, title: str, message: str) -> str:
        """Merge exactly this head and return the commit that landed; Stale when the head moved."""
        ...

    def close_issue(self, repo: Repo, number: int) -> None:
        """Close an issue; one that is closed stays as it is."""
        ...

    def close(self) -> None:
        """Give back what was issued to us and end the connections; the next call begins anew."""
        ...

    def resend(self, repo: Repo, since: float) -> int:
        """Have the forge send again what its hooks could not deliver to us since then; returns how many.

        Raises Denied or NotFound where the credential may not see hooks.
        """
        ...


@dataclass(frozen=True, slots=True)
class CommitResult:
    """A commit that was made and pushed, and its tree."""

    sha: str
    tree: str


class Git(Protocol):
    """The host's own git, in clones that the host made. Raises ForgeError or PatchRefused."""

    def snapshot(self, remote: Remote, sha: str, *, seconds: float = 120) -> bytes:
        """Return an uncompressed tar of exactly this commit's tree; attributes of the tree change nothing."""
        ...

    def commit_patch(
        self,
        remote: Remote,
        *,
        base_sha: str,
        patch: bytes,
        branch: str,
        message: str,
        author: tuple[str, str],
        date_epoch: int,
        moves: bool = False,
    ) -> CommitResult:
        """Apply a patch onto a base commit and push it as `branch`, which is new, or `moves` on from the base commit.

        The same arguments make the same commit. A branch that is already there at this commit is success; at another
        commit it is Stale. Raises PatchRefused when the patch does not apply.
        """
        ...

    def landed(self, remote: Remote, *, head_sha: str, merged_sha: str) -> tuple[bool, str]:
        """Tell whether the merged commit's tree is what merging this head onto its first parent gives, and why."""
        ...


@dataclass(frozen=True, slots=True)
class Posted:
    """Where a chat message stands."""

    channel: str
    timestamp: str


class Notifier(Protocol):
    """One message per run, updated in place."""

    def post(self, text: str, *, run: str, known: Posted | None, since: float | None) -> Posted:
        """Post the message of a run, or update the known one; raises Unavailable or Denied.

        `since` (seconds since the epoch) says that the end of an earlier attempt, made after it, is not known: what
        that left is looked for before anything is posted. None says that there was no such attempt.
        """
        ...


# --- agent zone -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for one sandboxed command. `output_bytes` is per stream; more is cut and counted as truncated."""

    wall_seconds: float = 60.0
    cpu_seconds: float = 120.0
    memory_mb: int = 2048
    processes: int = 128
    file_mb: int = 256
    output_bytes: int = 2_000_000


@dataclass(frozen=True, slots=True)
class Finished:
    """How a sandboxed command ended. `exit_code` is negative for a signal, as in subprocess."""

    exit_code: int
    stdout: bytes
    stderr: bytes
    seconds: float
    timed_out: bool = False
    truncated: bool = False


class Sandbox(Protocol):
    """Runs untrusted commands with no network, no credentials and a closed view of the machine."""

    def check(self) -> None:
        """Raise SandboxUnavailable, with the fix in the message, when isolation cannot be had."""
        ...

    def run(
        self,
        argv: Sequence[str],
        *,
        workspace: Path,
        limits: Limits,
        stdin: bytes = b"",
        env: Mapping[str, str] = {},
        read_only: Sequence[Path] = (),
        on_line: Callable[[bytes], None] | None = None,
    ) -> Finished:
        """Run argv with `workspace` mounted read-write at /workspace, which is also the working directory.

        The environment holds only PATH, HOME, LANG, PYTHON* basics and `env`. `read_only` are extra host paths that
        appear inside at the same place. `on_line` is called with each line of standard output as it comes.
        Never raises for what the command does; a time-out kills every descendant.
        """
        ...

    def workspace(self) -> AbstractContextManager[Path]:
        """Make an empty directory that the sandbox may write to; it is removed afterwards, whatever is in it."""
        ...

    @property
    def python(self) -> str:
        """The interpreter (with pytest and coverage) to use inside."""
        ...


# --- models ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text in a transcript."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model wants a tool; `error` is set when the arguments could not be read as a JSON object."""

    id: str
    name: str
    arguments: dict[str, Any]
    error: str = ""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool answered; every call gets exactly one."""

    id: str
    name: str
    content: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Opaque:
    """A vendor's own part (reasoning signatures); replayed only to the same vendor and model."""

    vendor: str
    model: str
    data: dict[str, Any]


Part = Text | ToolCall | ToolResult | Opaque


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a transcript. Tool results are parts of a `user` turn."""

    role: Literal["user", "assistant"]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as shown to a model; `name` may hold dots, adapters map it to the wire and back."""

    name: str
    description: str
    schema: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ask:
    """One question to a model."""

    system: str
    turns: tuple[Turn, ...]
    tools: tuple[ToolSpec, ...] = ()
    max_tokens: int = 4096
    force_tool: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `stop`: end, tool, length, refusal, filtered or other; no stop reason is an exception."""

    turn: Turn
    stop: Literal["end", "tool", "length", "refusal", "filtered", "other"]
    vendor: str
    model: str
    input_tokens: int = 0
    output_tokens: int = 0
    detail: str = field(default="")


class Model(Protocol):
    """A model behind any wire."""

    def ask(self, ask: Ask, *, deadline: float) -> Answer:
        """Answer within `deadline` seconds; raises ModelError with what to do when no candidate answers."""
        ...
