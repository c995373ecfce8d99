"""The gate: the only maker of `Permit`, the right to one guarded effect on one exact content."""

import hmac
from dataclasses import dataclass, field
from secrets import token_bytes
from typing import Literal

from bot.domain.change import Ref, Repo
from bot.domain.errors import JourneymanError

_KEY = token_bytes(32)
GuardedEffect = Literal["open_change", "merge"]


class NotPermitted(JourneymanError):
    """Somebody asked the gate for a permit that policy does not give."""


@dataclass(frozen=True, slots=True)
class Permit:
    """The right to one effect. `subject` is the head sha (merge) or the plan's digest (open_change).

    `proof` is made by the gate over all the rest, so a permit can neither be made nor changed into another elsewhere.
    """

    effect: GuardedEffect
    repo: Repo
    subject: str
    policy: str
    proof: bytes = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if not hmac.compare_digest(self.proof, _proof(self.effect, self.repo, self.subject, self.policy)):
            raise NotPermitted("a Permit is made by bot.policy.gate only")

    def demand(self, effect: GuardedEffect, repo: Repo, subject: str) -> None:
        """Raise NotPermitted unless this permit is for exactly this effect on this subject."""
        if (self.effect, self.repo, self.subject) != (effect, repo, subject):
            mine = f"{self.effect} of {self.subject} in {self.repo}"
            raise NotPermitted(f"this permit is for {mine}, not for {effect} of {subject} in {repo}")


def _proof(effect: GuardedEffect, repo: Repo, subject: str, policy: str) -> bytes:
    return hmac.digest(_KEY, repr((effect, repo, subject, policy)).encode(), "sha256")


def _permit(effect: GuardedEffect, repo: Repo, subject: str, policy: str) -> Permit:
    return Permit(effect, repo, subject, policy, _proof(effect, repo, subject, policy))


def permit_merge(ref: Ref, *, policy: str, state: str, judged_sha: str) -> Permit:
    """Give the permit to merge `ref` when the verdict on exactly this head is `approved`."""
    if state != "approved" or not ref.head_sha or judged_sha != ref.head_sha:
        raise NotPermitted(f"the verdict on {judged_sha} is {state}; nothing permits merging {ref.head_sha}")
    return _permit("merge", ref.repo, ref.head_sha, policy)


def permit_open(repo: Repo, *, plan: str, approved: bool, policy: str) -> Permit:
    """Give the permit to open the change of a frozen plan when no approval is still missing."""
    if not plan or not approved:
        raise NotPermitted("the plan is not frozen or not approved")
    return _permit("open_change", repo, plan, policy)
