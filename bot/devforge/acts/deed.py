"""Who does something, and where."""

from dataclasses import dataclass

from bot.devforge.model import Repository, User
from bot.devforge.world import World


@dataclass(frozen=True, slots=True)
class Deed:
    """Somebody acts in a repository; whether they may has been checked."""

    world: World
    repo: Repository
    by: User
