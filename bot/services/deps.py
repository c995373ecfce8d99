"""What the broker's use cases are given: ports and a few plain settings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.domain.change import Repo
from bot.domain.errors import Unavailable
from bot.policy.load import LoadedPolicy
from bot.ports import Artifacts, Forge, Git, Jobs, Ledger, Notifier, Time


@dataclass(frozen=True, slots=True)
class Broker:
    """The broker's dependencies. `policies` gives a named policy; `chat` is None where no Slack is configured.

    `author` is the name and address of the bot's commits; with no address it is the one that the forge gives the bot.
    `watched` are repositories that are looked after before any run is there.
    """

    ledger: Ledger
    jobs: Jobs
    artifacts: Artifacts
    git: Git
    forges: Mapping[str, Forge]
    time: Time
    policies: Callable[[str], LoadedPolicy]
    policy_name: str
    author: tuple[str, str]
    poll_seconds: float = 60.0
    reconcile_seconds: float = 300.0
    watched: frozenset[Repo] = frozenset()
    chat: Notifier | None = None

    def forge(self, repo: Repo) -> Forge:
        """Return the forge of a repository; raises Unavailable where no token is set for it."""
        forge = self.forges.get(repo.forge)
        if forge is None:
            raise Unavailable(f"there is no token for {repo.forge}: set JOURNEYMAN_{repo.forge.upper()}_TOKEN")
        return forge
