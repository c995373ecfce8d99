"""Find what no hook told: deliveries that were lost on their way are asked for again.

A run that waits looks at its change by the clock anyway; a command that was lost is found by this alone.
"""

from dataclasses import dataclass

from bot.domain.change import Repo
from bot.domain.errors import Denied, NotFound
from bot.services.deps import Broker

WINDOW_SECONDS = 3 * 86_400.0
"""How far back deliveries are looked at: GitHub keeps them for three days."""
QUIET_SECONDS = 30 * 86_400.0
"""A repository without any run for so long is left alone until somebody comments there again."""
REFUSED_SECONDS = 6 * 3600.0
"""When to ask again a forge that does not let us see its hooks."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """How a look at a repository's hooks ended: how many deliveries were asked for, and when to look again."""

    asked: int
    again: float | None
    refused: str = ""


def reconcile(deps: Broker, key: str) -> Reconciled:
    """Look for lost deliveries of the repository `key`; raises Unavailable when the forge cannot answer now."""
    repo, now = Repo.parse(key), deps.time.now()
    rows = deps.ledger.runs(repo=key, limit=1)
    if repo not in deps.watched and (not rows or rows[0].updated < now - QUIET_SECONDS):
        return Reconciled(0, None)
    try:
        asked = deps.forge(repo).resend(repo, now - WINDOW_SECONDS)
    except (Denied, NotFound) as error:
        return Reconciled(0, now + REFUSED_SECONDS, str(error)[:300])
    return Reconciled(asked, now + deps.reconcile_seconds)
