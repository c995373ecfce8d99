"""The development forge as GitLab, through the real client: who may do what, tokens and scopes, codes and words."""

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import gitlab
import pytest

from tests.contract.devforge_gitlab import NAME, Lab, running

TODAY = datetime.now(tz=UTC).date()
LATER = (TODAY + timedelta(days=2)).isoformat()
NOT_FOUND = "404 Project Not Found"
NARROW = "The request requires higher privileges than provided by the access token."


@pytest.fixture
def lab() -> Iterator[Lab]:
    with running() as made:
        yield made


def test_a_token_tells_who_acts_and_the_bot_of_a_token_is_a_bot(lab: Lab) -> None:
    dev = lab.client("dev")
    dev.auth()
    assert dev.user is not None
    assert (dev.user.username, dev.user.bot) == ("dev", False)
    lab.tokens["bot"] = lab.forge.add_project_token(NAME, role="write", expires=LATER)
    bot = lab.client("bot")
    bot.auth()
    assert bot.user is not None
    assert bot.user.username.startswith(f"project_{bot.projects.get(NAME).id}_bot_")
    assert bot.user.bot is True
    assert [one.username for one in dev.users.list(username="RITA", iterator=True)] == ["rita"]
    assert lab.ask(None, "/users").status_code == 403
    assert lab.ask("dev", "/users/999999").json() == {"message": "404 User Not Found"}


def test_a_project_lies_in_nested_groups_and_goes_by_number_too(lab: Lab) -> None:
    project = lab.project("dev")
    assert (project.path_with_namespace, project.namespace["full_path"]) == (NAME, "octo/tools")
    assert lab.client("dev").projects.get(project.id).web_url == f"{lab.forge.url}/{NAME}"
    assert project.http_url_to_repo == f"{lab.forge.url}/{NAME}.git"
    assert project.permissions["project_access"]["access_level"] == 30


@pytest.mark.parametrize(
    ("who", "method", "tail", "status", "words"),
    [
        ("glpat-nonsense", "GET", "", 401, {"message": "401 Unauthorized"}),
        (None, "GET", "", 404, {"message": NOT_FOUND}),
        ("stranger", "GET", "", 404, {"message": NOT_FOUND}),
        (None, "POST", "/issues", 401, {"message": "401 Unauthorized"}),
        ("gus", "GET", "/issues/99", 404, {"message": "404 Not found"}),
        ("gus", "GET", "/merge_requests/99", 404, {"message": "404 Not found"}),
        ("gus", "GET", "/repository/branches/none", 404, {"message": "404 Branch Not Found"}),
        ("gus", "GET", "/repository/commits/none", 404, {"message": "404 Commit Not Found"}),
        ("gus", "GET", "/repository/files/none.py?ref=main", 404, {"message": "404 File Not Found"}),
        ("gus", "GET", "/hooks", 403, {"message": "403 Forbidden"}),
        ("gus", "POST", "/merge_requests", 403, {"message": "403 Forbidden"}),
        ("gus", "GET", "/no/such/route", 404, {"error": "404 Not Found"}),
    ],
)
def test_who_may_not_and_what_is_not_there(
    lab: Lab, who: str | None, method: str, tail: str, status: int, words: dict[str, str]
) -> None:
    answer = lab.ask(who, lab.at(tail), method, json={"title": "x"} if method == "POST" else None)
    assert (answer.status_code, answer.json()) == (status, words)


def test_members_have_gitlabs_levels(lab: Lab) -> None:
    project = lab.project("gus")
    levels = {one.username: one.access_level for one in project.members_all.list(iterator=True)}
    assert levels == {"ann": 50, "mo": 40, "dev": 30, "rita": 20, "gus": 10}
    (mo,) = project.members_all.list(query="mo", iterator=True)
    assert project.members_all.get(mo.id).access_level == 40
    assert lab.ask("gus", lab.at("/members/all/999999")).json() == {"message": "404 Not found"}


# --- tokens ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("scopes", "method", "path", "status"),
    [
        (("api",), "GET", "", 200),
        (("read_api",), "GET", "", 200),
        (("read_api",), "POST", "/issues", 403),
        (("read_repository",), "GET", "", 403),
        (("read_repository",), "GET", "/repository/files/calc.py?ref=main", 200),
        (("write_repository",), "GET", "/repository/files/calc.py?ref=main", 403),
        (("read_user",), "GET", "", 403),
    ],
)
def test_scopes_say_what_a_token_is_for(lab: Lab, scopes: tuple[str, ...], method: str, path: str, status: int) -> None:
    token = lab.forge.add_token("dev", scopes=scopes)
    answer = lab.ask(token, lab.at(path), method, json={"title": "x"} if method == "POST" else None)
    assert answer.status_code == status
    if status == 403:
        assert (answer.json()["error"], answer.json()["error_description"]) == ("insufficient_scope", NARROW)
        assert "api" in answer.json()["scope"].split()


def test_a_token_that_ended_is_refused_in_gitlabs_words(lab: Lab) -> None:
    ended = lab.forge.add_token("dev", expires=TODAY.isoformat())
    revoked = lab.forge.add_token("dev", expires=LATER)
    lab.forge.revoke_token(revoked)
    for token, begins in ((ended, "Token is expired."), (revoked, "Token was revoked.")):
        answer = lab.ask(token, "/user")
        assert answer.status_code == 401
        assert answer.json()["error"] == "invalid_token"
        assert answer.json()["error_description"].startswith(begins)
    lab.forge.block("dev")
    blocked = lab.ask("dev", "/user")
    assert (blocked.status_code, blocked.json()["message"]) == (403, "403 Forbidden - Your account has been blocked.")


def test_a_token_knows_itself_and_rotates(lab: Lab) -> None:
    old = lab.forge.add_token("dev", scopes=["api", "self_rotate"], expires=LATER)
    lab.tokens["old"] = old
    client = lab.client("old")
    mine = client.personal_access_tokens.get("self")
    assert (mine.scopes, mine.expires_at, mine.active, mine.revoked) == (["api", "self_rotate"], LATER, True, False)
    new = lab.ask("old", "/personal_access_tokens/self/rotate", "POST").json()
    assert new["expires_at"] == (TODAY + timedelta(days=7)).isoformat()
    assert new["token"] != old
    assert lab.ask("old", "/user").status_code == 401
    assert lab.ask(new["token"], "/user").json()["username"] == "dev"
    narrow = lab.forge.add_token("dev", scopes=["read_api"])
    assert lab.ask(narrow, "/personal_access_tokens/self/rotate", "POST").status_code == 403
    assert lab.ask(new["token"], "/personal_access_tokens/self", "DELETE").status_code == 204
    assert lab.ask(new["token"], "/user").status_code == 401


def test_an_oauth_token_comes_as_a_bearer_and_is_no_personal_one(lab: Lab) -> None:
    token = lab.forge.add_token("dev", kind="oauth")
    client = gitlab.Gitlab(lab.forge.url, oauth_token=token)
    lab.clients.append(client)
    assert client.projects.get(NAME).path == "calc"
    answer = lab.ask(token, "/personal_access_tokens/self")
    assert answer.status_code == 400
    assert "to be a personal access token" in answer.json()["message"]


@pytest.mark.parametrize(
    ("who", "scopes", "reads", "writes"),
    [
        ("dev", ("api",), True, True),
        ("dev", ("read_api",), False, False),
        ("dev", ("read_repository",), True, False),
        ("dev", ("write_repository",), True, True),
        ("gus", ("write_repository",), True, False),
    ],
)
def test_git_goes_by_scope_and_role(
    lab: Lab, tmp_path: Path, who: str, scopes: tuple[str, ...], reads: bool, writes: bool
) -> None:
    token = lab.forge.add_token(who, scopes=scopes)
    url = f"http://oauth2:{token}@localhost:{lab.forge.port}/{NAME}.git"

    def git(*args: str) -> bool:
        done = subprocess.run(["git", *args], capture_output=True, timeout=30, check=False, env={"HOME": "/"})
        return done.returncode == 0

    assert git("clone", "--quiet", "--bare", url, str(tmp_path / "copy")) is reads
    if reads:
        assert git("-C", str(tmp_path / "copy"), "push", "--quiet", url, "main:refs/heads/copy") is writes


# --- limits, pages and ETags ----------------------------------------------------------------------------------------
def test_the_limit_of_a_minute_is_told_and_kept(lab: Lab) -> None:
    first = lab.ask("dev", "/user")
    assert int(first.headers["RateLimit-Remaining"]) == int(first.headers["RateLimit-Limit"]) - 1
    lab.forge.world.minute_limit = 1
    refused = lab.ask("dev", "/user")
    assert (refused.status_code, refused.text) == (429, "Retry later\n")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.headers["RateLimit-Remaining"] == "0"
    assert lab.ask("gus", "/user").status_code == 200


@pytest.mark.parametrize(
    ("status", "told"), [(401, "401 Unauthorized"), (409, "409 Conflict"), (500, "500 Internal Server Error")]
)
def test_faults_are_gitlabs(lab: Lab, status: int, told: str) -> None:
    lab.forge.fail_next("GET", "^/api/v4/projects/octo/tools/calc$", status=status)
    assert lab.ask("dev", lab.at()).json() == {"message": told}
    assert lab.ask("dev", lab.at()).status_code == 200


def test_a_throttled_request_says_when_to_come_back_and_a_proxy_has_a_page(lab: Lab) -> None:
    lab.forge.fail_next("GET", "/user$", status=429, retry_after=7)
    lab.forge.fail_next("GET", "/user$", status=502)
    throttled = lab.ask("dev", "/user")
    assert (throttled.status_code, throttled.headers["Retry-After"], throttled.text) == (429, "7", "Retry later\n")
    away = lab.ask("dev", "/user")
    assert (away.status_code, away.headers["Content-Type"]) == (502, "text/html; charset=utf-8")


def test_lists_come_in_pages(lab: Lab) -> None:
    for number in range(3):
        lab.forge.open_issue(NAME, f"issue {number}", "", by="gus")
    answer = lab.ask("gus", lab.at("/issues?per_page=2"))
    told = {name: answer.headers[name] for name in ("X-Page", "X-Per-Page", "X-Next-Page", "X-Total", "X-Total-Pages")}
    assert list(told.values()) == ["1", "2", "2", "3", "2"]
    assert answer.headers["X-Prev-Page"] == ""
    assert 'rel="next"' in answer.headers["Link"]
    assert len(lab.project("gus").issues.list(per_page=2, get_all=True)) == 3
    assert lab.ask("gus", lab.at("/issues?per_page=1000")).headers["X-Per-Page"] == "100"


def test_what_has_not_changed_need_not_be_sent_again(lab: Lab) -> None:
    first = lab.ask("dev", lab.at())
    again = lab.ask("dev", lab.at(), headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    lab.ask("mo", lab.at(), "PUT", json={"merge_method": "ff"})
    assert lab.ask("dev", lab.at(), headers={"If-None-Match": first.headers["ETag"]}).status_code == 200
