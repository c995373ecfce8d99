"""What is read again is asked for only if it changed, on both forges."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Response, request

from bot.devforge.server import DevForge
from bot.domain.change import Change, Check, Repo, Role
from bot.forges.registry import forge_for
from bot.forges.remembered import Remembered
from bot.ports import Forge
from workers.demo.stage import Dialect

NAME = "octo/shop"


@contextmanager
def both(dialect: Dialect) -> Iterator[tuple[DevForge, Forge, Counter[tuple[str, int]]]]:
    """Give a forge with one open change !1/#1, the bot's view of it, and what was answered by verb and status."""
    seen: Counter[tuple[str, int]] = Counter()
    with DevForge(runner=None, dialect=dialect) as dev:
        dev.add_repo(NAME, {"a.txt": "one\n"}, roles={"ann": "write", "bot": "write"})
        token = dev.add_user("bot")
        forge = forge_for(dialect, token, url=dev.api_url if dialect == "github" else dev.url, pacing=False)
        push(dev)
        dev.observers.append(lambda response: seen.update([(request.method, status(response))]))
        yield dev, forge, seen


def status(response: Response) -> int:
    return response.status_code


def push(dev: DevForge) -> None:
    """Put a branch and a change from it on the forge, as somebody did earlier."""
    from bot.devforge.acts import changes
    from bot.devforge.acts.deed import Deed
    from bot.devforge.model import ChangePart, Issue

    with dev.world.lock:
        repo = dev.world.repo(NAME)
        assert repo is not None
        base = repo.git.branch("main")
        assert base is not None
        me = dev.world.person(dev.world.user("ann"))
        tree = repo.git.write_tree({"a.txt": ("100644", repo.git.write_blob(b"two\n"))}, base)
        head = repo.git.write_commit(tree, (base,), "Better\n", (me, me))
        repo.git.move("refs/heads/more", head)
        ann, now = dev.world.user("ann"), dev.world.now()
        part = ChangePart(dev.world.next_id(), "more", "main", head, base)
        changes.open_change(
            Deed(dev.world, repo, ann), Issue(dev.world.next_id(), 1, "Better", "", ann, now, now, change=part)
        )


def look(forge: Forge, repo: Repo) -> tuple[Change, tuple[Check, ...], Role, str]:
    """Read all that a judgement of the change needs."""
    change = forge.change(repo, 1)
    return change, forge.checks(repo, change.head_sha), forge.role(repo, "ann"), forge.head(repo, change.base)


@pytest.mark.parametrize("dialect", ["github", "gitlab"])
def test_a_second_look_with_nothing_changed_is_confirmed_only(dialect: Dialect) -> None:
    with both(dialect) as (dev, forge, seen):
        repo = Repo(dialect, NAME)
        first = look(forge, repo)
        assert set(seen) == {("GET", 200), ("GET", 304)} or set(seen) == {("GET", 200)}
        asked = seen.total()
        assert asked <= 14
        seen.clear()
        assert look(forge, repo) == first
        assert set(seen) == {("GET", 304)}
        assert seen.total() <= asked
        dev.set_label(NAME, 1, "go", by="ann", kind="change")
        seen.clear()
        changed = look(forge, repo)[0]
        assert [label.name for label in changed.labels] == ["go"]
        assert seen["GET", 200]
        forge.close()  # type: ignore[attr-defined]


def test_only_so_much_is_remembered() -> None:
    memory = Remembered()
    for number in range(600):
        memory.keep(f"/{number}", {"ETag": f"e{number}"}, b"x")
    assert memory.etag("/0") is None
    assert memory.etag("/599") == "e599"
    for number in range(20):
        memory.keep(f"/big{number}", {"ETag": "e"}, b"x" * (4 * 1024 * 1024))
    assert [number for number in range(20) if memory.etag(f"/big{number}")] == list(range(12, 20))
    memory.keep("/599", {}, b"no etag now")
    assert memory.etag("/599") is None
    assert memory.confirmed("/599", {}) is None
    memory.keep("/huge", {"ETag": "e"}, b"x" * (4 * 1024 * 1024 + 1))
    memory.keep("/secret", {"ETag": "e", "Cache-Control": "no-store"}, b"x")
    assert (memory.etag("/huge"), memory.etag("/secret")) == (None, None)
