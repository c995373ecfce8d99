"""What the doctor finds on GitLab: the token, the role, the rules of the branch, the hook; each with the next step."""

from collections.abc import Iterator

import pytest

from bot.devforge.server import DevForge
from bot.domain.change import Repo
from bot.forges.findings import Finding
from bot.forges.gitlab.api import GitLabForge

REPO = Repo("gitlab", "team/shop")
HOOK = "http://127.0.0.1:9/webhooks/gitlab"


@pytest.fixture
def lab() -> Iterator[DevForge]:
    with DevForge(runner=None, dialect="gitlab") as forge:
        roles = {"bot": "maintain", "dev": "write", "weak": "triage"}
        forge.add_repo(REPO.name, {"a.txt": "one\n"}, roles=roles)
        yield forge


def found(lab: DevForge, who: str = "bot", repo: Repo | None = REPO, token: str = "") -> dict[str, Finding]:
    forge = GitLabForge(token or lab.add_user(who), url=lab.url, pacing=False)
    rows = list(forge.examine(repo))
    forge.close()
    assert all(row.next for row in rows if row.state != "ok"), rows
    return {row.check: row for row in rows}


def states(rows: dict[str, Finding]) -> dict[str, str]:
    return {check: row.state for check, row in rows.items()}


def test_a_project_in_order(lab: DevForge) -> None:
    lab.add_hook(REPO.name, HOOK, "a secret of the hook")
    lab.protect(REPO.name, "main", required_contexts=["any"])
    seen = states(found(lab))
    assert {seen[check] for check in ("gitlab token", "role", "branch protection", "required status", "hook")} == {"ok"}
    assert "fail" not in seen.values()


def test_a_project_that_nobody_has_prepared(lab: DevForge) -> None:
    rows = found(lab)
    assert states(rows)["branch protection"] == "fail"
    assert rows["hook"].state == "fail"
    assert "journeyman init gitlab team/shop" in rows["hook"].next


def test_without_a_project_only_the_token_is_looked_at(lab: DevForge) -> None:
    assert not {"role", "hook", "branch protection"} & set(found(lab, repo=None))


def test_a_role_that_is_too_weak_sees_no_hooks_either(lab: DevForge) -> None:
    rows = found(lab, "weak")
    assert (rows["role"].state, "Developer" in rows["role"].next) == ("fail", True)
    assert rows["hook"].state == "warn"


def test_merging_that_takes_more_than_the_bot_has(lab: DevForge) -> None:
    lab.protect(REPO.name, "main", mergers="maintain")
    assert "takes Maintainer" in found(lab, "dev")["merging"].found
    assert "merging" not in found(lab)
    assert found(lab)["required status"].state == "warn"


def test_a_hook_that_is_off_or_deaf(lab: DevForge) -> None:
    number = lab.add_hook(REPO.name, HOOK, "a secret of the hook", events=("push",))
    assert "comments" in found(lab)["hook"].found
    with lab.world.lock:
        repo = lab.world.repo(REPO.name)
        assert repo is not None
        repo.hooks[number].failures = 40
    assert "switched it off" in found(lab)["hook"].found


def test_a_token_that_is_not_known_is_one_line(lab: DevForge) -> None:
    rows = found(lab, repo=None, token="glpat-unknown")
    assert states(rows) == {"gitlab token": "fail"}
    assert "check the token" in rows["gitlab token"].next


def test_a_forge_that_is_away_is_one_line_each() -> None:
    forge = GitLabForge("t", url="http://127.0.0.1:9", pacing=False)
    rows = list(forge.examine(None))
    forge.close()
    assert [(row.check, row.state) for row in rows] == [("gitlab token", "fail")]
