"""The gate: the only maker of `Permit`, the right to one guarded effect on one exact content."""

from dataclasses import dataclass, field
from typing import Literal

from bot.domain.change import Ref, Repo
from bot.domain.errors import JourneymanError

_GATE = object()


class NotPermitted(JourneymanError):
    """Somebody asked the gate for a permit that policy does not give."""


@dataclass(frozen=True, slots=True)
class Permit:
    """The right to one effect. `subject` is the head sha (merge) or the plan's digest (open_change)."""

    effect: Literal["open_change", "merge"]
    repo: Repo
    subject: str
    policy: str
    proof: object = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.proof is not _GATE:
            raise NotPermitted("a Permit is made by bot.policy.gate only")

    def demand(self, effect: Literal["open_change", "merge"], repo: Repo, subject: str) -> None:
        """Raise NotPermitted unless this permit is for exactly this effect on this subject."""
        if (self.effect, self.repo, self.subject) != (effect, repo, subject):
            mine = f"{self.effect} of {self.subject} in {self.repo}"
            raise NotPermitted(f"this permit is for {mine}, not for {effect} of {subject} in {repo}")


def permit_merge(ref: Ref, *, policy: str, state: str, judged_sha: str) -> Permit:
    """Give the permit to merge `ref` when the verdict on exactly this head is `approved`."""
    if state != "approved" or judged_sha != ref.head_sha:
        raise NotPermitted(f"the verdict on {judged_sha} is {state}; nothing permits merging {ref.head_sha}")
    return Permit("merge", ref.repo, ref.head_sha, policy, _GATE)


def permit_open(repo: Repo, *, plan: str, approved: bool, policy: str) -> Permit:
    """Give the permit to open the change of a frozen plan when no approval is still missing."""
    if not plan or not approved:
        raise NotPermitted("the plan is not frozen or not approved")
    return Permit("open_change", repo, plan, policy, _GATE)
