"""What follows when a branch or tag has moved, however it moved."""

from bot.devforge.acts import changes, news
from bot.devforge.model import Repository, User
from bot.devforge.world import World


def landed(world: World, repo: Repository, ref: str, old: str | None, new: str | None, by: User) -> None:
    """Tell the hooks, update the changes from this branch and start CI."""
    repo.pushed = world.now()
    news.push(world, repo, ref, old, new, by)
    if not ref.startswith("refs/heads/"):
        return
    branch = ref.removeprefix("refs/heads/")
    changes.follow(world, repo, branch, new, by)
    if new is not None:
        changes.absorb(world, repo, branch, new, by)
        world.build(repo, branch, new)
