"""What the hooks are told, in the words of the forge whose dialect the world speaks."""

from typing import Any, Protocol

from bot.devforge.acts import github_news
from bot.devforge.acts.deed import Deed
from bot.devforge.model import CheckRun, Comment, Issue, Label, Repository, Status
from bot.devforge.shapes.changes import Facts
from bot.devforge.world import World

Json = dict[str, Any]


class News(Protocol):
    """The bodies of one forge's webhooks, handed to the sender."""

    def issue(self, deed: Deed, one: Issue, action: str, label: Label | None = None) -> None:
        """Tell that an issue was opened, closed, reopened, labeled or unlabeled."""
        ...

    def edited(self, deed: Deed, one: Issue, before: tuple[str, str]) -> None:
        """Tell that the title or the text of an issue was changed from what they were `before`."""
        ...

    def comment(self, deed: Deed, one: Issue, said: Comment, before: str | None) -> None:
        """Tell that a comment was created or, when it said something else `before`, edited."""
        ...

    def change(self, deed: Deed, one: Issue, facts: Facts, body: Json) -> None:
        """Tell what happened to a change; `body` has GitHub's action and what goes with it."""
        ...

    def check(self, world: World, repo: Repository, one: CheckRun, action: str) -> None:
        """Tell that a check run was created or completed."""
        ...

    def status(self, world: World, repo: Repository, one: Status) -> None:
        """Tell that a commit status was set."""
        ...

    def push(self, deed: Deed, ref: str, old: str | None, new: str | None) -> None:
        """Tell that a branch or tag moved."""
        ...


def of(world: World) -> News:
    """Return the news of this world."""
    if world.dialect == "gitlab":
        from bot.devforge.gitlab import news  # it needs the acts, which need this

        return news
    return github_news
