"""Check runs and commit statuses."""

from dataclasses import replace

from bot.devforge.acts import news
from bot.devforge.model import CheckRun, Repository, Status
from bot.devforge.world import World


def add_check(world: World, repo: Repository, run: CheckRun) -> None:
    """Put a check run on its commit."""
    repo.checks.append(run)
    news.of(world).check(world, repo, run, "created")
    if run.status == "completed":
        news.of(world).check(world, repo, run, "completed")
    world.moved.notify_all()


def check_moved(world: World, repo: Repository, run: CheckRun, was: str) -> None:
    """Tell about a check run that the caller has changed; `was` is its status before."""
    if run.status == "completed" and was != "completed":
        news.of(world).check(world, repo, run, "completed")
    world.moved.notify_all()


def add_status(world: World, repo: Repository, status: Status) -> Status:
    """Set a commit status."""
    made = replace(status, id=world.next_id(), created=world.now())
    repo.statuses.append(made)
    news.of(world).status(world, repo, made)
    return made
