"""Facts: everything that happened, in the past tense; the closed union that the ledger stores.

`RIGHTS` says which zone may sign which kind. The fold refuses a fact signed by a zone without the right, so a zone that
is taken over cannot, for instance, write itself an approval.
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic import TypeAdapter

from bot.domain.actions import ActionPlan
from bot.domain.envelope import Zone
from bot.domain.intent import Intent


@dataclass(frozen=True, slots=True)
class Received:
    """A delivery was accepted: the first fact of the stream `delivery:<id>`."""

    delivery: str
    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class Handled:
    """The one terminal outcome of a delivery.

    `run` when it started or moved one; `command` is the verb that it brought, if it did.
    """

    delivery: str
    outcome: Literal["started", "moved", "answered", "refused", "ignored", "repeated", "failed"]
    reason: str
    run: str | None = None
    command: str = ""


@dataclass(frozen=True, slots=True)
class Requested:
    """A run began."""

    intent: Intent


@dataclass(frozen=True, slots=True)
class SourceStored:
    """The files of the base commit were stored for the agent zone as artifact `digest`."""

    base_sha: str
    digest: str


@dataclass(frozen=True, slots=True)
class PlanDrafted:
    """The agent zone proposes a plan."""

    plan: ActionPlan


@dataclass(frozen=True, slots=True)
class Planned:
    """The broker checked the plan against policy and froze it.

    `protected` are the patterns of the paths that no patch may touch, for the agent's tools to refuse them at once.
    """

    digest: str
    plan: ActionPlan
    protected: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanApproved:
    """A permitted human approved the plan."""

    digest: str
    by: str
    role: str


@dataclass(frozen=True, slots=True)
class TaskStarted:
    """An attempt at a task began in the agent zone."""

    task: str
    attempt: int


@dataclass(frozen=True, slots=True)
class ModelUsed:
    """A model was called for a task: what it cost, as far as known (None: unknown, never 0)."""

    task: str
    vendor: str
    model: str
    input_tokens: int
    output_tokens: int
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class ToolRefused:
    """The agent zone refused a tool call of a model."""

    task: str
    tool: str
    reason: str


@dataclass(frozen=True, slots=True)
class TaskDone:
    """A task ended with a patch (artifact `patch`, a unified diff) and evidence about it.

    `evidence` has plain values only: tests before and after, commands, seconds, candidates, solver.
    """

    task: str
    attempt: int
    patch: str
    evidence: dict[str, str | int | float]


@dataclass(frozen=True, slots=True)
class TaskFailed:
    """A task ended without a patch; `code` is a word of the error-rationale vocabulary, `reason` is for people."""

    task: str
    attempt: int
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class PatchRefused:
    """The broker refused the patch of a task."""

    task: str
    reason: str


@dataclass(frozen=True, slots=True)
class EffectIntended:
    """A write to the outside world is about to be tried. `key` names it for good."""

    key: str
    kind: str
    target: str


@dataclass(frozen=True, slots=True)
class EffectDone:
    """The write happened; `result` is what the forge or Slack called it."""

    key: str
    result: str


@dataclass(frozen=True, slots=True)
class EffectFailed:
    """The write was refused for good; it will not be tried again by itself."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Published:
    """The change is open (or already was) at this head, which holds exactly the verified patch."""

    number: int
    branch: str
    base: str
    head_sha: str
    tree: str
    url: str


@dataclass(frozen=True, slots=True)
class HeadSeen:
    """The change was found at another head than before.

    `stale` are the forge's ids of the label acts that were there already: they spoke of earlier heads, so they do not
    count for this one.
    """

    sha: str
    stale: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """The gate judged a head by the policy `source` with the digest `policy`.

    `rules` are (name, state, reason) rows; `approvers` are those who count; `base_sha` is where the policy was read.
    """

    sha: str
    base_sha: str
    policy: str
    state: Literal["approved", "pending", "blocked"]
    checks: Literal["none", "pending", "failure", "success"]
    rules: tuple[tuple[str, str, str], ...]
    approvers: tuple[str, ...]
    labels: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class Merged:
    """The forge merged the permitted head. `landed` tells whether the merged tree holds exactly what was approved."""

    head_sha: str
    merged_sha: str
    landed: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class MergeRefused:
    """The forge did not merge although the gate permitted it (the head moved, a conflict, its own rules)."""

    sha: str
    reason: str


@dataclass(frozen=True, slots=True)
class IssueClosed:
    """The issue is closed."""

    number: int


@dataclass(frozen=True, slots=True)
class ChangeClosed:
    """Somebody closed or merged the change without the gate."""

    number: int
    by: str
    merged: bool


@dataclass(frozen=True, slots=True)
class Woken:
    """Something outside moved (a label, a check, the clock): look at the forge again. `cause` says what."""

    cause: str


REFUSED = "refused by the forge"


@dataclass(frozen=True, slots=True)
class Reported:
    """The people's view was brought up to date to the message with this digest on this surface.

    `ref` is where it stands, or REFUSED when the forge did not let us say it.
    """

    surface: Literal["comment", "slack", "gate"]
    digest: str
    ref: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """A permitted human stopped the run."""

    by: str


@dataclass(frozen=True, slots=True)
class Retried:
    """A permitted human asked for another try."""

    by: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The run ended without its goal; `code` as in TaskFailed."""

    code: str
    reason: str


Fact = (
    Received
    | Handled
    | Requested
    | SourceStored
    | PlanDrafted
    | Planned
    | PlanApproved
    | TaskStarted
    | ModelUsed
    | ToolRefused
    | TaskDone
    | TaskFailed
    | PatchRefused
    | EffectIntended
    | EffectDone
    | EffectFailed
    | Published
    | HeadSeen
    | Judged
    | Merged
    | MergeRefused
    | IssueClosed
    | ChangeClosed
    | Woken
    | Reported
    | Stopped
    | Retried
    | Failed
)

KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in get_args(Fact)}
_ADAPTERS: dict[str, TypeAdapter[Any]] = {name: TypeAdapter(kind) for name, kind in KINDS.items()}

_AGENT: frozenset[type[Any]] = frozenset({PlanDrafted, TaskStarted, ModelUsed, ToolRefused, TaskDone, TaskFailed})
RIGHTS: dict[Zone, frozenset[str]] = {
    Zone.RECEIVER: frozenset({"Received"}),
    Zone.AGENT: frozenset(kind.__name__ for kind in _AGENT),
    Zone.BROKER: frozenset(KINDS) - {"Received"} - {kind.__name__ for kind in _AGENT},
}


def encode(fact: Fact) -> tuple[str, dict[str, object]]:
    """Return the kind and the body (JSON types only) of a fact."""
    kind = type(fact)
    body: dict[str, object] = _ADAPTERS[kind.__name__].dump_python(fact, mode="json")
    return kind.__name__, body


def decode(kind: str, body: dict[str, object]) -> Fact:
    """Rebuild a fact; raises KeyError for an unknown kind and ValueError for a body that does not fit."""
    fact: Fact = _ADAPTERS[kind].validate_python(body)
    return fact


def may_sign(zone: Zone, kind: str) -> bool:
    """Tell whether a zone may sign facts of this kind."""
    return kind in RIGHTS[zone]
