"""The development forge through the real client: issues, comments, labels, changes, checks, and who may do what."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import github
import pytest
import requests

from tests import openapi
from tests.devforge_fixture import REPO, Seeded, seeded


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Seeded]:
    with seeded(tmp_path) as world:
        yield world


def ask(forge: Seeded, who: str | None, path: str, **more: object) -> requests.Response:
    headers = {"Authorization": f"Bearer {forge.tokens.get(who, who)}"} if who else {}
    extra = more.pop("headers", {})
    method = str(more.pop("method", "GET"))
    url = forge.forge.api_url + path
    return requests.request(method, url, headers={**headers, **extra}, timeout=10, **more)  # type: ignore[arg-type,dict-item]


def test_a_token_tells_who_acts_and_a_bot_is_a_bot(forge: Seeded) -> None:
    me = forge.client("bot").get_user()
    assert (me.login, me.type) == ("journeyman[bot]", "Bot")
    assert forge.client("wes").get_user().type == "User"
    assert forge.client("wes").get_user("ana").login == "ana"


@pytest.mark.parametrize(
    ("who", "method", "path", "status"),
    [
        ("nonsense", "GET", "/user", 401),
        (None, "GET", "/user", 401),
        (None, "GET", f"/repos/{REPO}", 200),
        (None, "POST", f"/repos/{REPO}/issues", 401),
        ("rob", "GET", "/repos/ana/nothing", 404),
        ("rob", "GET", f"/repos/{REPO}/issues/99", 404),
        ("rob", "GET", f"/repos/{REPO}/pulls/99", 404),
        ("rob", "GET", f"/repos/{REPO}/branches/none", 404),
        ("rob", "GET", f"/repos/{REPO}/contents/none.py", 404),
        ("rob", "GET", f"/repos/{REPO}/commits/none", 422),
        ("rob", "GET", f"/repos/{REPO}/hooks", 403),
        ("rob", "POST", f"/repos/{REPO}/pulls", 403),
        ("rob", "GET", "/users/nobody-at-all", 404),
        ("rob", "GET", f"/repos/{REPO}/collaborators/nobody-at-all/permission", 404),
    ],
)
def test_who_may_not_and_what_is_not_there(forge: Seeded, who: str | None, method: str, path: str, status: int) -> None:
    body = {"title": "x", "head": "a", "base": "main"} if method == "POST" else None
    answer = ask(forge, who, path, method=method, json=body)
    assert answer.status_code == status
    if status >= 400:
        assert answer.json()["status"] == str(status)


def test_a_private_repository_is_not_there_for_strangers(forge: Seeded) -> None:
    forge.forge.add_repo("ana/secret", {"a.txt": "a"}, roles={"rob": "read"}, private=True)
    assert forge.client("rob").get_repo("ana/secret").private
    with pytest.raises(github.UnknownObjectException):
        forge.client("wes").get_repo("ana/secret")
    assert ask(forge, None, "/repos/ana/secret").status_code == 404


def test_roles_are_told_as_github_tells_them(forge: Seeded) -> None:
    repo = forge.repo("ana")
    told = {who: repo.get_collaborator_permission(who) for who in ("ana", "wes", "tia", "rob")}
    assert told == {"ana": "admin", "wes": "write", "tia": "read", "rob": "read"}
    row = ask(forge, "ana", f"/repos/{REPO}/collaborators/tia/permission").json()
    assert row["role_name"] == "triage"


def test_an_issue_lives_and_its_comments_can_be_edited(forge: Seeded) -> None:
    issue = forge.repo("rob").create_issue("add is wrong", "1 + 2 is -1")
    comment = forge.repo("wes").get_issue(issue.number).create_comment("/agent fix")
    comment.edit("/agent plan")
    again = forge.repo("bot").get_issue(issue.number)
    assert [c.body for c in again.get_comments()] == ["/agent plan"]
    assert (again.user.login, again.comments, again.state) == ("rob", 1, "open")
    again.edit(state="closed")
    assert [i.number for i in forge.repo("rob").get_issues(state="closed")] == [1]
    assert list(forge.repo("rob").get_issues()) == []
    assert [event.event for event in again.get_events()] == ["closed"]
    assert again.closed_by.login == "journeyman[bot]"
    comment.delete()
    assert list(again.get_comments()) == []


def test_somebody_elses_words_are_not_theirs_to_change(forge: Seeded) -> None:
    issue = forge.repo("ana").create_issue("add is wrong")
    comment = issue.create_comment("mine")
    path = f"/repos/{REPO}/issues/comments/{comment.id}"
    assert ask(forge, "rob", path, method="PATCH", json={"body": "not yours"}).status_code == 403
    assert ask(forge, "rob", f"/repos/{REPO}/issues/1", method="PATCH", json={"state": "closed"}).status_code == 403


def test_a_reaction_is_there_once(forge: Seeded) -> None:
    comment = forge.repo("rob").create_issue("t").create_comment("c")
    path = f"/repos/{REPO}/issues/comments/{comment.id}/reactions"
    assert [ask(forge, "bot", path, method="POST", json={"content": "eyes"}).status_code for _ in range(2)] == [
        201,
        200,
    ]
    assert [(r.content, r.user.login) for r in comment.get_reactions()] == [("eyes", "journeyman[bot]")]
    assert ask(forge, "bot", path, method="POST", json={"content": "cake"}).status_code == 422


def test_labels_remember_who_set_them(forge: Seeded) -> None:
    number = forge.repo("rob").create_issue("t").number
    forge.repo("tia").get_issue(number).add_to_labels("approved", "Bug")
    forge.repo("wes").get_issue(number).remove_from_labels("approved")
    forge.repo("wes").get_issue(number).add_to_labels("bug")
    rows = [(e.event, e.label.name, e.actor.login) for e in forge.repo("bot").get_issue(number).get_events()]
    assert rows == [("labeled", "approved", "tia"), ("labeled", "Bug", "tia"), ("unlabeled", "approved", "wes")]
    with pytest.raises(github.GithubException) as refused:
        forge.repo("rob").get_issue(number).add_to_labels("approved")
    assert refused.value.status == 403
    forge.repo("ana").get_issue(number).set_labels("one", "two")
    assert [label.name for label in forge.repo("rob").get_issue(number).labels] == ["one", "two"]
    ids = [event.id for event in forge.repo("bot").get_issue(number).get_timeline()]
    assert ids == sorted(set(ids))


def test_a_label_can_be_made_with_its_looks(forge: Seeded) -> None:
    repo = forge.repo("wes")
    repo.create_label("ready", "00ff00", "The gate may open")
    assert [(x.name, x.color, x.description) for x in repo.get_labels()] == [("ready", "00ff00", "The gate may open")]
    with pytest.raises(github.GithubException) as doubled:
        repo.create_label("READY", "ff0000")
    assert doubled.value.data["errors"][0]["code"] == "already_exists"


def test_files_and_folders_can_be_read_at_any_commit(forge: Seeded) -> None:
    sha = forge.branch("fix/add", {"calc.py": "new\n"})
    repo = forge.repo("rob")
    assert repo.get_contents("calc.py", ref=sha).decoded_content == b"new\n"
    assert repo.get_contents("calc.py", ref="fix/add").decoded_content == b"new\n"
    assert b"a - b" in repo.get_contents("calc.py").decoded_content
    assert [c.path for c in repo.get_contents("")] == ["calc.py", "docs", "test_calc.py"]
    assert [c.path for c in repo.get_contents("docs")] == ["docs/guide.md"]
    assert [e.path for e in repo.get_git_tree(sha, recursive=True).tree] == [
        "calc.py",
        "docs",
        "docs/guide.md",
        "test_calc.py",
    ]
    assert repo.get_git_blob(repo.get_contents("calc.py").sha).size == 32
    assert repo.get_branch("fix/add").commit.sha == sha
    assert repo.get_commit(sha).files[0].patch.startswith("@@ -1,2 +1 @@")
    assert repo.get_commit(sha).author.login == "journeyman[bot]"
    assert {b.name for b in repo.get_branches()} == {"fix/add", "main"}
    assert next(iter(repo.get_commits(sha="fix/add"))).sha == sha
    compared = repo.compare("main", "fix/add")
    assert (compared.status, compared.ahead_by, [f.filename for f in compared.files]) == ("ahead", 1, ["calc.py"])


def test_references_move_only_as_git_allows(forge: Seeded) -> None:
    sha = forge.branch("fix/add", {"calc.py": "new\n"})
    other = forge.branch("fix/other", {"calc.py": "other\n"})
    repo = forge.repo("bot")
    ref = repo.get_git_ref("heads/fix/add")
    assert ref.object.sha == sha
    with pytest.raises(github.GithubException) as sideways:
        ref.edit(other)
    assert (sideways.value.status, sideways.value.data["message"]) == (422, "Update is not a fast forward")
    ref.edit(other, force=True)
    with pytest.raises(github.GithubException) as doubled:
        repo.create_git_ref("refs/heads/fix/add", sha)
    assert doubled.value.data["message"] == "Reference already exists"
    ref.delete()
    with pytest.raises(github.UnknownObjectException):
        repo.get_git_ref("heads/fix/add")


def test_a_change_is_opened_found_and_merged_at_its_head(forge: Seeded) -> None:
    sha = forge.branch("fix/add", {"calc.py": "def add(a, b):\n    return a + b\n"})
    forge.repo("rob").create_issue("add is wrong")
    repo = forge.repo("bot")
    change = repo.create_pull(base="main", head="fix/add", title="Fix add", body="Fixes #1")
    assert [p.number for p in repo.get_pulls(state="all", head="ana:fix/add")] == [change.number] == [2]
    assert (change.mergeable, change.mergeable_state, change.head.sha) == (True, "clean", sha)
    assert [(f.filename, f.additions, f.deletions) for f in change.get_files()] == [("calc.py", 1, 1)]
    assert [c.sha for c in change.get_commits()] == [sha]
    with pytest.raises(github.GithubException) as moved:
        change.merge(sha="0" * 40)
    assert moved.value.status == 409
    merged = change.merge(sha=sha, merge_method="squash", commit_title="Fix add", commit_message="Agent-Run: r1")
    landed = repo.get_commit(merged.sha)
    assert landed.commit.message == "Fix add\n\nAgent-Run: r1"
    assert landed.commit.tree.sha == repo.get_git_commit(sha).tree.sha
    after = repo.get_pull(2)
    assert (after.merged, after.merge_commit_sha, after.merged_by.login) == (True, merged.sha, "journeyman[bot]")
    assert after.is_merged()
    assert repo.get_issue(1).state == "closed"
    with pytest.raises(github.GithubException) as twice:
        after.merge()
    assert twice.value.status == 405
    with pytest.raises(github.GithubException) as reopened:
        after.edit(state="open")
    assert reopened.value.status == 422


@pytest.mark.parametrize(("method", "parents"), [("merge", 2), ("squash", 1), ("rebase", 1)])
def test_the_three_ways_to_merge_keep_both_sides(forge: Seeded, method: str, parents: int) -> None:
    forge.branch("fix/add", {"calc.py": "def add(a, b):\n    return a + b\n"})
    forge.branch("fix/docs", {"docs/guide.md": "# Better guide\n"})
    repo = forge.repo("wes")
    repo.create_pull(base="main", head="fix/docs", title="Docs").merge()
    merged = repo.create_pull(base="main", head="fix/add", title="Fix add").merge(merge_method=method)
    assert len(repo.get_git_commit(merged.sha).parents) == parents
    assert repo.get_contents("docs/guide.md").decoded_content == b"# Better guide\n"
    assert b"a + b" in repo.get_contents("calc.py").decoded_content


def test_a_conflict_and_a_doubled_change_are_refused(forge: Seeded) -> None:
    forge.branch("fix/one", {"calc.py": "one\n"})
    forge.branch("fix/two", {"calc.py": "two\n"})
    repo = forge.repo("bot")
    repo.create_pull(base="main", head="fix/one", title="One").merge()
    two = repo.create_pull(base="main", head="fix/two", title="Two")
    assert (two.mergeable, two.mergeable_state) == (False, "dirty")
    with pytest.raises(github.GithubException) as conflict:
        two.merge()
    assert conflict.value.status == 405
    for head, word in (("fix/two", "already exists"), ("fix/one", "No commits between")):
        with pytest.raises(github.GithubException) as refused:
            repo.create_pull(base="main", head=head, title="Again")
        assert word in refused.value.data["errors"][0]["message"]
    with pytest.raises(github.GithubException) as nowhere:
        repo.create_pull(base="main", head="no-such-branch", title="Again")
    assert nowhere.value.data["errors"][0]["field"] == "head"


def test_a_protected_branch_wants_green_checks_and_no_direct_writes(forge: Seeded) -> None:
    forge.forge.protect(REPO, "main", required_contexts=["tests", "lint"])
    sha = forge.branch("fix/add", {"calc.py": "one\n"})
    repo = forge.repo("bot")
    assert repo.get_branch("main").protected
    assert repo.get_branch("main").get_protection().required_status_checks.contexts == ["tests", "lint"]
    change = repo.create_pull(base="main", head="fix/add", title="One")
    assert change.mergeable_state == "blocked"
    repo.create_check_run("tests", sha, status="completed", conclusion="success")
    repo.get_commit(sha).create_status("failure", context="lint")
    with pytest.raises(github.GithubException) as red:
        change.merge()
    assert (red.value.status, "lint" in red.value.data["message"]) == (405, True)
    with pytest.raises(github.GithubException) as direct:
        repo.get_git_ref("heads/main").edit(sha)
    assert direct.value.status == 422
    repo.get_commit(sha).create_status("success", context="lint")
    assert change.merge().merged
    with pytest.raises(github.GithubException, match="Branch not protected"):
        repo.get_branch("fix/add").get_protection()


def test_check_runs_are_for_apps_and_only_their_own(forge: Seeded) -> None:
    sha = forge.branch("fix/add", {"calc.py": "one\n"})
    forge.tokens["other"] = forge.forge.add_bot("other")
    forge.forge.world.repos[REPO].roles["other[bot]"] = forge.forge.world.repos[REPO].roles["journeyman[bot]"]
    run = forge.repo("bot").create_check_run(
        "journeyman/gate", sha, status="in_progress", output={"title": "Judging", "summary": "..."}
    )
    run.edit(status="completed", conclusion="failure", output={"title": "Blocked", "summary": "| a | b |"})
    told = [
        (r.name, r.conclusion, r.app.slug, r.output.title) for r in forge.repo("rob").get_commit(sha).get_check_runs()
    ]
    assert told == [("journeyman/gate", "failure", "journeyman", "Blocked")]
    for who in ("wes", "other"):
        with pytest.raises(github.GithubException) as refused:
            forge.repo(who).get_check_run(run.id).edit(status="in_progress")
        assert refused.value.status == 403
    with pytest.raises(github.GithubException) as person:
        forge.repo("ana").create_check_run("x", sha)
    assert person.value.status == 403


def test_statuses_combine_to_the_newest_of_each_context(forge: Seeded) -> None:
    commit = forge.repo("wes").get_commit(forge.branch("fix/add", {"calc.py": "one\n"}))
    assert commit.get_combined_status().state == "pending"
    commit.create_status("pending", "http://localhost/x", "wait", "lint")
    commit.create_status("success", context="lint")
    combined = commit.get_combined_status()
    assert (combined.state, [s.context for s in combined.statuses]) == ("success", ["lint"])
    assert [s.state for s in commit.get_statuses()] == ["success", "pending"]


def test_reviews_are_kept_and_nobody_approves_their_own(forge: Seeded) -> None:
    sha = forge.branch("fix/add", {"calc.py": "one\n"})
    change = forge.repo("bot").create_pull(base="main", head="fix/add", title="One")
    forge.repo("wes").get_pull(change.number).create_review(body="good", event="APPROVE")
    assert [(r.user.login, r.state, r.commit_id) for r in change.get_reviews()] == [("wes", "APPROVED", sha)]
    with pytest.raises(github.GithubException) as own:
        change.create_review(event="APPROVE")
    assert own.value.status == 422


def test_lists_come_in_pages(forge: Seeded) -> None:
    issue = forge.repo("rob").create_issue("t")
    for number in range(7):
        issue.create_comment(f"c{number}")
    first = ask(forge, "rob", f"/repos/{REPO}/issues/1/comments?per_page=3")
    assert [c["body"] for c in first.json()] == ["c0", "c1", "c2"]
    assert set(first.links) == {"next", "last"}
    third = requests.get(first.links["last"]["url"], timeout=10)
    assert [c["body"] for c in third.json()] == ["c6"]
    client = forge.client("rob")
    client.per_page = 2
    assert len(list(client.get_repo(REPO).get_issue(1).get_comments())) == 7


def test_an_unchanged_answer_is_304(forge: Seeded) -> None:
    path = f"/repos/{REPO}"
    etag = ask(forge, "rob", path).headers["ETag"]
    again = ask(forge, "rob", path, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    forge.repo("rob").create_issue("t")
    assert ask(forge, "rob", path, headers={"If-None-Match": etag}).status_code == 200


def test_the_rate_limit_is_told_and_kept(forge: Seeded) -> None:
    forge.forge.world.hourly_limit = 2
    left = [ask(forge, "rob", f"/repos/{REPO}") for _ in range(3)]
    assert [a.status_code for a in left] == [200, 200, 403]
    assert [a.headers["X-RateLimit-Remaining"] for a in left] == ["1", "0", "0"]
    assert forge.client("rob").get_rate_limit().rate.remaining == 0
    assert ask(forge, "wes", f"/repos/{REPO}").status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b"[]", 400), (b"{}", 422), (b'{"title": 3}', 422), (b'{"title": "  "}', 422), (b"\xff", 400)],
)
def test_broken_bodies_get_githubs_errors(forge: Seeded, body: bytes, status: int) -> None:
    answer = ask(forge, "rob", f"/repos/{REPO}/issues", method="POST", data=body)
    assert answer.status_code == status
    assert answer.json()["message"]


def test_faults_happen_on_demand_and_then_are_over(forge: Seeded) -> None:
    issue = forge.repo("rob").create_issue("t")
    path = r"/issues/1/comments$"
    forge.forge.fail_next("POST", path, status=403, retry_after=7)
    forge.forge.fail_next("POST", path, status=502, after_effect=True)
    say = {"method": "POST", "json": {"body": "hi"}}
    limited = ask(forge, "rob", f"/repos/{REPO}/issues/1/comments", **say)
    assert (limited.status_code, limited.headers["Retry-After"]) == (403, "7")
    assert "secondary rate limit" in limited.json()["message"]
    assert issue.get_comments().totalCount == 0
    assert ask(forge, "rob", f"/repos/{REPO}/issues/1/comments", **say).status_code == 502
    assert [c.body for c in issue.get_comments()] == ["hi"]
    forge.forge.fail_next("GET", r"/issues/1$", truncate=True)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        ask(forge, "rob", f"/repos/{REPO}/issues/1")
    assert ask(forge, "rob", f"/repos/{REPO}/issues/1").status_code == 200


def test_a_hanging_answer_runs_into_the_callers_deadline(forge: Seeded) -> None:
    forge.forge.fail_next("GET", r"/user$", hang=30)
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(f"{forge.forge.api_url}/user", timeout=0.2)


def test_a_token_may_be_weaker_than_its_user(forge: Seeded) -> None:
    forge.tokens["reader"] = forge.forge.add_token("ana", access="read")
    assert forge.repo("reader").full_name == REPO
    with pytest.raises(github.GithubException) as refused:
        forge.repo("reader").create_issue("t")
    assert refused.value.status == 403


def test_many_at_once_lose_nothing_and_merge_once(forge: Seeded) -> None:
    sha = forge.branch("fix/add", {"calc.py": "new\n"})
    change = forge.repo("bot").create_pull(base="main", head="fix/add", title="Fix")

    def act(number: int) -> int:
        body = {"body": f"c{number}"}
        said = ask(forge, "rob", f"/repos/{REPO}/issues/{change.number}/comments", method="POST", json=body)
        assert said.status_code == 201
        return ask(
            forge, "wes", f"/repos/{REPO}/pulls/{change.number}/merge", method="PUT", json={"sha": sha}
        ).status_code

    with ThreadPoolExecutor(8) as pool:
        codes = sorted(pool.map(act, range(16)))
    assert codes == [200] + [405] * 15
    comments = list(forge.repo("rob").get_issue(change.number).get_comments())
    assert sorted(c.body for c in comments) == sorted(f"c{n}" for n in range(16))
    assert len({c.id for c in comments}) == 16


def test_a_change_that_its_base_already_holds_is_merged(forge: Seeded) -> None:
    forge.branch("fix/add", {"calc.py": "new\n"})
    repo = forge.repo("wes")
    change = repo.create_pull(base="main", head="fix/add", title="Fix")
    assert [p.number for p in repo.get_commit(change.head.sha).get_pulls()] == [change.number]
    repo.get_git_ref("heads/main").edit(change.head.sha)
    change.update()
    assert (change.merged, change.merge_commit_sha) == (True, change.head.sha)


@openapi.needs_spec
def test_the_description_bites(forge: Seeded) -> None:
    """The check behind every other test here does see what is wrong."""
    good = ask(forge, "rob", f"/repos/{REPO}")
    headers, path = dict(good.headers), f"/api/v3/repos/{REPO}"
    openapi.validate_response("GET", path, 200, headers, good.content)
    for wrong in (good.content.replace(b'"default_branch"', b'"defaultbranch"'), b"[]", b"{}"):
        with pytest.raises(openapi.SpecViolation):
            openapi.validate_response("GET", path, 200, headers, wrong)
    with pytest.raises(openapi.SpecViolation, match="no error"):
        openapi.validate_response("GET", path, 401, headers, b'{"error": "no"}')
    with pytest.raises(openapi.SpecViolation, match="has no"):
        openapi.validate_response("GET", "/api/v3/no/such/thing", 200, {}, b"{}")
    asked = "/api/v3/repos/ana/calc/check-runs"
    openapi.validate_request("POST", asked, {}, b'{"name": "x", "head_sha": "a"}')
    for body in (b'{"head_sha": "a"}', b'{"name": 3, "head_sha": "a"}', None):
        with pytest.raises(openapi.SpecViolation):
            openapi.validate_request("POST", asked, {}, body)
    with pytest.raises(openapi.SpecViolation, match="repository"):
        openapi.validate_webhook("issues", {"action": "opened"})
    with pytest.raises(openapi.SpecViolation, match="no webhook"):
        openapi.validate_webhook("issues", {"action": "exploded"})
