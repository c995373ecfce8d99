"""Merging a change the three ways that GitHub has, on the bare repository."""

from dataclasses import dataclass, replace

from bot.devforge.acts import changes, history, pushes
from bot.devforge.acts.deed import Deed
from bot.devforge.acts.issues import close_named
from bot.devforge.acts.pipelines import pipeline_of
from bot.devforge.gitrepo import GitFailed
from bot.devforge.model import Issue, Repository


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


def merge(deed: Deed, issue: Issue, wish: MergeWish) -> str:
    """Merge a change and return the commit that landed; raises NotMergeable or Moved, and then nothing happened."""
    change = changes.part(issue)
    if wish.sha is not None and wish.sha != change.head_sha:
        raise Moved("Head branch was modified. Review and try the merge again.")
    _refuse(deed.repo, issue)
    base = deed.repo.git.branch(change.base)
    if base is None:
        raise NotMergeable("Base branch does not exist")
    change.base_sha = base
    landed = _make(deed, issue, wish)
    try:
        deed.repo.git.move(f"refs/heads/{change.base}", landed, base)
    except GitFailed:
        raise Moved("Base branch was modified. Review and try the merge again.") from None
    history.merged(deed, issue, landed)
    changes.tell(deed, issue, {"action": "closed"})
    pushes.landed(deed, f"refs/heads/{change.base}", base, landed)
    if change.base == deed.repo.default_branch:
        close_named(deed, issue.body, landed)
    return landed


def merge_as_gitlab(deed: Deed, issue: Issue, wish: MergeWish, *, squash: bool) -> str:
    """Merge by the project's method, squashed or not; as `merge` otherwise, but for the texts' defaults."""
    change, way = changes.part(issue), deed.repo.merge_method
    method = {("ff", True): "squash", ("ff", False): "ff"}.get((way, squash), "squash-merge" if squash else "merge")
    behind = deed.repo.git.branch(change.base) != changes.base_of(deed.repo, change)
    if way != "merge" and behind and not (way == "ff" and squash):
        raise NotMergeable("Merge request must be rebased")
    change.squash_sha = None
    landed = merge(deed, issue, replace(wish, method=method))
    if method == "squash":
        change.squash_sha = landed
    return landed


def _refuse(repo: Repository, issue: Issue) -> None:
    change = changes.part(issue)
    if issue.state != "open":
        raise NotMergeable("Pull Request is not mergeable")
    if change.draft:
        raise NotMergeable("Pull Request is still a draft")
    if repo.only_resolved and not all(said.thread is None or said.thread.resolved for said in issue.comments):
        raise NotMergeable("All threads must be resolved")
    if repo.only_green and pipeline_of(repo, change.head_sha) != "success":
        raise NotMergeable("The pipeline must succeed")
    missing = changes.unmet(repo, change)
    if missing:
        names = ", ".join(f'"{name}"' for name in missing)
        raise NotMergeable(f"Required status check {names} is expected.")


def _merge_commit(deed: Deed, issue: Issue, wish: MergeWish) -> str:
    change = changes.part(issue)
    base = change.base_sha
    tree = _merged_tree(deed.repo, base, change.head_sha)
    text = wish.text(f"Merge pull request #{issue.number} from {deed.repo.owner.login}/{change.head}", issue.title)
    return deed.repo.git.write_commit(
        tree, (base, change.head_sha), text, (deed.world.person(deed.by), deed.world.person(deed.by))
    )


def _squash(deed: Deed, issue: Issue, wish: MergeWish) -> str:
    base = changes.part(issue).base_sha
    tree = _merged_tree(deed.repo, base, changes.part(issue).head_sha)
    bullets = "\n".join(f"* {one.message.splitlines()[0]}" for one in changes.commits(deed.repo, issue) if one.message)
    text = wish.text(f"{issue.title} (#{issue.number})", bullets)
    return deed.repo.git.write_commit(
        tree, (base,), text, (deed.world.person(issue.author), deed.world.person(deed.by))
    )


def _squash_and_merge(deed: Deed, issue: Issue, wish: MergeWish) -> str:
    """Put all of it into one commit on the head's own base, and merge that."""
    change = changes.part(issue)
    fork, tip = changes.base_of(deed.repo, change), change.base_sha
    people = deed.world.person(issue.author), deed.world.person(deed.by)
    head_tree = deed.repo.git.commit(change.head_sha).tree
    squashed = deed.repo.git.write_commit(head_tree, (fork,), f"{issue.title}\n", people)
    tree = _merged_tree(deed.repo, tip, change.head_sha)
    me = deed.world.person(deed.by)
    landed = deed.repo.git.write_commit(tree, (tip, squashed), wish.text(f"Merge branch '{change.head}'", ""), (me, me))
    change.squash_sha = squashed
    return landed


def _fast_forward(issue: Issue) -> str:
    return changes.part(issue).head_sha


def _rebase(deed: Deed, issue: Issue) -> str:
    tip = changes.part(issue).base_sha
    for one in changes.commits(deed.repo, issue):
        if len(one.parents) != 1:
            raise NotMergeable("This branch can't be rebased")
        # merge-tree takes its base from history: a stand-in with the tip's tree and the old parent gives the right one
        me = deed.world.person(deed.by)
        stand_in = deed.repo.git.write_commit(deed.repo.git.commit(tip).tree, one.parents, "stand-in", (me, me))
        tree = _merged_tree(deed.repo, stand_in, one.sha)
        tip = deed.repo.git.write_commit(tree, (tip,), one.message, (one.author, me))
    return tip


def _make(deed: Deed, issue: Issue, wish: MergeWish) -> str:
    match wish.method:
        case "squash":
            return _squash(deed, issue, wish)
        case "rebase":
            return _rebase(deed, issue)
        case "squash-merge":
            return _squash_and_merge(deed, issue, wish)
        case "ff":
            return _fast_forward(issue)
        case _:
            return _merge_commit(deed, issue, wish)


def _merged_tree(repo: Repository, ours: str, theirs: str) -> str:
    tree = repo.git.merge_tree(ours, theirs)
    if tree is None:
        raise NotMergeable("Pull Request is not mergeable")
    return tree
