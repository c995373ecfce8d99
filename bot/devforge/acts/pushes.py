"""What follows when a branch or tag has moved, however it moved."""

from bot.devforge.acts import changes, news
from bot.devforge.acts.deed import Deed


def landed(deed: Deed, ref: str, old: str | None, new: str | None) -> None:
    """Tell the hooks, update the changes from this branch and start CI."""
    deed.repo.pushed = deed.world.now()
    news.of(deed.world).push(deed, ref, old, new)
    if not ref.startswith("refs/heads/"):
        return
    branch = ref.removeprefix("refs/heads/")
    changes.follow(deed, branch, new)
    if new is not None:
        changes.absorb(deed, branch, new)
        deed.world.build(deed.repo, branch, new)
