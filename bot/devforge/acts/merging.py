"""Merging a change the three ways that GitHub has, on the bare repository."""

from dataclasses import dataclass

from bot.devforge.acts import changes, pushes
from bot.devforge.acts.issues import close_named, record
from bot.devforge.gitrepo import GitFailed
from bot.devforge.model import Issue, Repository, User
from bot.devforge.world import World


class NotMergeable(Exception):
    """The change cannot be merged now (405)."""


class Moved(Exception):
    """A branch is not where the caller believes it is (409)."""


@dataclass(frozen=True, slots=True)
class MergeWish:
    """How to merge; empty texts mean GitHub's defaults, `sha` None means whatever the head is."""

    method: str
    sha: str | None = None
    title: str = ""
    message: str = ""

    def text(self, title: str, body: str) -> str:
        """Return the commit message, with these defaults."""
        title, body = self.title or title, self.message or body
        return f"{title}\n\n{body}\n" if body else f"{title}\n"


def merge(world: World, repo: Repository, issue: Issue, wish: MergeWish, by: User) -> str:
    """Merge a change and return the commit that landed; raises NotMergeable or Moved, and then nothing happened."""
    change = changes.part(issue)
    if wish.sha is not None and wish.sha != change.head_sha:
        raise Moved("Head branch was modified. Review and try the merge again.")
    _refuse(repo, issue)
    base = repo.git.branch(change.base)
    if base is None:
        raise NotMergeable("Base branch does not exist")
    change.base_sha = base
    landed = _make(world, repo, issue, wish, by)
    try:
        repo.git.move(f"refs/heads/{change.base}", landed, base)
    except GitFailed:
        raise Moved("Base branch was modified. Review and try the merge again.") from None
    change.merged_at, change.merged_by, change.merged_sha = world.now(), by, landed
    issue.state, issue.closed, issue.closed_by = "closed", change.merged_at, by
    record(world, issue, "merged", by, commit=landed)
    record(world, issue, "closed", by)
    changes.tell(world, repo, issue, {"action": "closed"}, by)
    pushes.landed(world, repo, f"refs/heads/{change.base}", base, landed, by)
    if change.base == repo.default_branch:
        close_named(world, repo, issue.body, by, landed)
    return landed


def _refuse(repo: Repository, issue: Issue) -> None:
    change = changes.part(issue)
    if issue.state != "open":
        raise NotMergeable("Pull Request is not mergeable")
    if change.draft:
        raise NotMergeable("Pull Request is still a draft")
    missing = changes.unmet(repo, change)
    if missing:
        names = ", ".join(f'"{name}"' for name in missing)
        raise NotMergeable(f"Required status check {names} is expected.")


def _merge_commit(world: World, repo: Repository, issue: Issue, wish: MergeWish, by: User) -> str:
    change = changes.part(issue)
    base = change.base_sha
    tree = _merged_tree(repo, base, change.head_sha)
    text = wish.text(f"Merge pull request #{issue.number} from {repo.owner.login}/{change.head}", issue.title)
    return repo.git.write_commit(tree, (base, change.head_sha), text, (world.person(by), world.person(by)))


def _squash(world: World, repo: Repository, issue: Issue, wish: MergeWish, by: User) -> str:
    base = changes.part(issue).base_sha
    tree = _merged_tree(repo, base, changes.part(issue).head_sha)
    bullets = "\n".join(f"* {one.message.splitlines()[0]}" for one in changes.commits(repo, issue) if one.message)
    text = wish.text(f"{issue.title} (#{issue.number})", bullets)
    return repo.git.write_commit(tree, (base,), text, (world.person(issue.author), world.person(by)))


def _rebase(world: World, repo: Repository, issue: Issue, by: User) -> str:
    tip = changes.part(issue).base_sha
    for one in changes.commits(repo, issue):
        if len(one.parents) != 1:
            raise NotMergeable("This branch can't be rebased")
        # merge-tree takes its base from history: a stand-in with the tip's tree and the old parent gives the right one
        me = world.person(by)
        stand_in = repo.git.write_commit(repo.git.commit(tip).tree, one.parents, "stand-in", (me, me))
        tree = _merged_tree(repo, stand_in, one.sha)
        tip = repo.git.write_commit(tree, (tip,), one.message, (one.author, me))
    return tip


def _make(world: World, repo: Repository, issue: Issue, wish: MergeWish, by: User) -> str:
    match wish.method:
        case "squash":
            return _squash(world, repo, issue, wish, by)
        case "rebase":
            return _rebase(world, repo, issue, by)
        case _:
            return _merge_commit(world, repo, issue, wish, by)


def _merged_tree(repo: Repository, ours: str, theirs: str) -> str:
    tree = repo.git.merge_tree(ours, theirs)
    if tree is None:
        raise NotMergeable("Pull Request is not mergeable")
    return tree
