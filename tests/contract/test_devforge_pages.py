"""The development forge's pages and chat: what a person sees and does there, and what is kept out."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.devforge.ci import CiResult
from bot.devforge.markdown import render
from bot.devforge.server import DevForge
from tests.devforge_fixture import REPO, Listener, Seeded, seeded


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Seeded]:
    with seeded(tmp_path, lambda checkout: CiResult(False, "1 failed", "E   assert <b>2</b> == 3\n```\n# no")) as world:
        yield world


class Person:
    """Somebody with a browser: a session that follows redirects and keeps the cookie of who acts."""

    def __init__(self, forge: Seeded, login: str) -> None:
        self.session = requests.Session()
        self.root = forge.forge.url
        self.see(f"/?as={login}")

    def see(self, path: str) -> str:
        answer = self.session.get(self.root + path, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.text

    def send(self, path: str, **form: str) -> requests.Response:
        return self.session.post(self.root + path, data=form, timeout=10, headers={"Origin": self.root})

    def __enter__(self) -> "Person":
        return self

    def __exit__(self, *failure: object) -> None:
        self.session.close()


def test_a_person_opens_an_issue_and_talks(forge: Seeded) -> None:
    with Listener() as listener:
        forge.forge.add_hook(REPO, listener.url, "s")
        with Person(forge, "rob") as rob:
            opened = rob.send(f"/{REPO}/issues", title="add() subtracts", body="`add(1, 2)` is **wrong**")
            assert opened.url.endswith(f"/{REPO}/issues/1")
            assert "<code>add(1, 2)</code> is <strong>wrong</strong>" in opened.text
            assert "/agent fix" in rob.send(f"/{REPO}/issues/1/comments", body="/agent fix").text
            assert "add() subtracts" in rob.see(f"/{REPO}/issues")
            assert "closed" in rob.send(f"/{REPO}/issues/1/state").text
        assert [(g.event, g.json["sender"]["login"]) for g in listener.wait(3)] == [
            ("issues", "rob"),
            ("issue_comment", "rob"),
            ("issues", "rob"),
        ]


def test_on_gitlab_issues_and_changes_count_apart_and_have_its_addresses() -> None:
    with DevForge(runner=None, dialect="gitlab") as forge:
        forge.add_repo(REPO, {"a.txt": "one\n"}, roles={"ann": "write"})
        headers = {"PRIVATE-TOKEN": forge.add_user("ann")}
        place = f"{forge.api_url}/projects/{REPO.replace('/', '%2F')}"
        forge.open_issue(REPO, "Broken", "It fails", by="ann")

        def act(path: str, **fields: object) -> Any:
            answer = requests.post(f"{place}/{path}", json=fields, headers=headers, timeout=10)
            assert answer.status_code == 201, answer.text
            return answer.json()

        act("repository/branches", branch="more", ref="main")
        edit = {"action": "update", "file_path": "a.txt", "content": "two\n"}
        act("repository/commits", branch="more", commit_message="m", actions=[edit])
        change = act("merge_requests", source_branch="more", target_branch="main", title="Better")
        assert change["web_url"] == f"{forge.url}/{REPO}/-/merge_requests/1"
        page = requests.get(change["web_url"], timeout=10).text
        assert "Better" in page
        assert "!1" in page
        assert "Broken" in requests.get(f"{forge.url}/{REPO}/-/issues/1", timeout=10).text
        form = {"body": "on the change"}
        sent = requests.post(f"{forge.url}/{REPO}/pull/1/comments?as=ann", data=form, timeout=10)
        assert "on the change" in sent.text
        assert "on the change" not in requests.get(f"{forge.url}/{REPO}/-/issues/1", timeout=10).text


def test_a_change_shows_diff_checks_and_why_it_is_blocked(forge: Seeded) -> None:
    forge.forge.protect(REPO, "main", required_contexts=["tests"])
    sha = forge.branch("fix/add", {"calc.py": "def add(a, b):\n    return a + b  # <i>\n"})
    forge.repo("bot").create_pull(base="main", head="fix/add", title="Fix <add>", body="<!-- run r1 -->\n- [x] done")
    forge.repo("bot").get_commit(sha).create_status("pending", description="soon", context="lint")
    assert forge.forge.wait_idle(20)
    with Person(forge, "wes") as wes:
        page = wes.see(f"/{REPO}/pull/1")
        assert '<span class="add">+    return a + b  # &lt;i&gt;' in page
        assert '<span class="del">-    return a - b' in page
        assert "Merging is blocked" in page
        assert "Fix &lt;add&gt;" in page
        assert "run r1" not in page
        assert "checked" in page
        assert "lint" in page
        run = re.search(rf"/{REPO}/runs/\d+", page)
        assert run
        output = wes.see(run[0])
        assert "assert &lt;b&gt;2&lt;/b&gt; == 3" in output
        assert "<h1>no" not in output
        assert "+    return a + b" in wes.see(f"/{REPO}/pull/1.diff")
        assert sha[:10] in wes.see(f"/{REPO}")
        assert "return a + b" in wes.see(f"/{REPO}/commit/{sha}")
        assert "return a - b" in wes.see(f"/{REPO}/blob/main/calc.py")
        assert "Fix &lt;add&gt;" in wes.see(f"/{REPO}/pulls")


def test_a_label_is_set_by_who_may(forge: Seeded) -> None:
    forge.forge.open_issue(REPO, "t", "", by="ana")
    with Person(forge, "tia") as tia, Person(forge, "rob") as rob:
        assert "approved" in tia.send(f"/{REPO}/issues/1/labels", add="approved").text
        refused = rob.send(f"/{REPO}/issues/1/labels", remove="approved")
        assert (refused.status_code, "needs the role triage" in refused.text) == (403, True)
        assert rob.send(f"/{REPO}/issues/1/state").status_code == 403
        tia.send(f"/{REPO}/issues/1/labels", remove="approved")
    events = [(e.event, e.label.name, e.actor.login) for e in forge.repo("ana").get_issue(1).get_events()]
    assert events == [("labeled", "approved", "tia"), ("unlabeled", "approved", "tia")]


def test_forms_and_hosts_from_elsewhere_are_refused(forge: Seeded) -> None:
    url = f"{forge.forge.url}/{REPO}/issues"
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        assert requests.post(url, data={"title": "t"}, headers=headers, timeout=10).status_code == 403
    assert requests.get(url, headers={"Host": "evil.example"}, timeout=10).status_code == 421
    assert forge.forge.world.repos[REPO].issues == {}


def test_nothing_from_elsewhere_is_loaded_and_nobody_acts_as_a_bot(forge: Seeded) -> None:
    forge.forge.open_issue(REPO, "t", "![x](https://evil.example/beacon.png)", by="rob")
    answer = requests.get(f"{forge.forge.url}/{REPO}/issues/1?as=journeyman[bot]", timeout=10)
    assert "<img" not in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "Comment as ana" in answer.text


def test_a_private_repository_has_no_page_for_strangers(forge: Seeded) -> None:
    forge.forge.add_repo("ana/secret", {"a.txt": "a"}, private=True)
    with Person(forge, "rob") as rob:
        assert "ana/secret" not in rob.see("/")
        for tail in ("", "/issues", "/issues/1", "/pull/1", "/commit/x", "/runs/1", "/blob/main/a.txt"):
            assert rob.session.get(f"{rob.root}/ana/secret{tail}", timeout=10).status_code == 404


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("<script>x</script>", "&lt;script&gt;", "<script>"),
        ("[a](javascript:alert(1))", "javascript", "<a"),
        ("[a](https://example.com)", '<a href="https://example.com">', "<script"),
        ("a\n<!-- hidden\nstill -->\nb", "b", "hidden"),
        ("```\n<!-- shown -->\n```", "&lt;!-- shown", "<!--"),
        ("<details><summary>Why <b></summary>\n\n**x**\n\n</details>\nafter", "<summary>Why </summary>", "<b>"),
        ("<details>\nopen for ever", "</details>", "&lt;details"),
        ("</details></details>", "", "</details>"),
        ("```\n<details>\n```", "&lt;details&gt;", "<details>"),
        ("- [ ] a\n- [x] b", "checked> b", "[x]"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "<td>2</td>", "|"),
        ("# T", "<h1>T</h1>", "#"),
    ],
)
def test_markdown_is_safe(text: str, wanted: str, unwanted: str) -> None:
    html = render(text)
    assert wanted in html
    assert unwanted not in html


def chat(forge: Seeded, token: str) -> WebClient:
    return WebClient(token=token, base_url=f"{forge.forge.url}/slack/api/", timeout=10)


def test_the_real_slack_client_posts_and_updates(forge: Seeded) -> None:
    forge.forge.add_slack(token="xoxb-one", channel="builds", user="journeyman")
    client = chat(forge, "xoxb-one")
    assert client.auth_test()["user"] == "journeyman"
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "Block <text>"}}]
    posted = client.chat_postMessage(channel="#builds", text="Planned", blocks=blocks)
    client.chat_update(channel=posted["channel"], ts=posted["ts"], text="Merged")
    (message,) = forge.forge.slack_messages()
    assert (message.text, message.edited, message.user) == ("Merged", True, "journeyman")
    with Person(forge, "rob") as rob:
        page = rob.see("/slack")
    assert "Merged" in page
    assert "Block &lt;text&gt;" in page


def test_slack_refuses_as_slack_does(forge: Seeded) -> None:
    forge.forge.add_slack(token="xoxb-one", channel="builds", user="one")
    channel = forge.forge.add_slack(token="xoxb-two", channel="builds", user="two")
    client = chat(forge, "xoxb-one")
    posted = client.chat_postMessage(channel=channel, text="mine")
    for refused, call in (
        ("invalid_auth", lambda: chat(forge, "xoxb-none").chat_postMessage(channel=channel, text="x")),
        ("invalid_auth", lambda: chat(forge, "xoxb-none").auth_test()),
        ("channel_not_found", lambda: client.chat_postMessage(channel="#none", text="x")),
        ("message_not_found", lambda: client.chat_update(channel=channel, ts="1.1", text="x")),
        (
            "cant_update_message",
            lambda: chat(forge, "xoxb-two").chat_update(channel=channel, ts=posted["ts"], text="x"),
        ),
    ):
        with pytest.raises(SlackApiError) as error:
            call()
        assert error.value.response["error"] == refused
    form = requests.post(
        f"{forge.forge.url}/slack/api/chat.postMessage",
        data={"token": "xoxb-one", "channel": "builds", "text": "by form"},
        timeout=10,
    )
    assert form.json()["ok"] is True


def test_the_real_slack_client_reads_the_history(forge: Seeded) -> None:
    channel = forge.forge.add_slack(token="xoxb-one", channel="builds", user="one")
    forge.forge.add_slack(token="xoxb-two", channel="builds", user="two")
    client, mark = chat(forge, "xoxb-one"), {"event_type": "built", "event_payload": {"number": 1}}
    first = client.chat_postMessage(channel=channel, text="first", metadata=mark)
    chat(forge, "xoxb-two").chat_postMessage(channel=channel, text="reply", thread_ts=first["ts"])
    for text in ("second", "third"):
        chat(forge, "xoxb-two").chat_postMessage(channel=channel, text=text)
    client.chat_update(channel=channel, ts=first["ts"], text="first, edited")

    def texts(**asked: Any) -> list[list[str]]:
        pages = client.conversations_history(channel=channel, **asked)
        return [[message["text"] for message in page["messages"]] for page in pages]

    assert texts(limit=2) == [["third", "second"], ["first, edited"]]
    assert texts(oldest=first["ts"]) == [["third", "second"]]
    plain = client.conversations_history(channel=channel)["messages"][-1]
    shown = client.conversations_history(channel=channel, include_all_metadata=True)["messages"][-1]
    assert "metadata" not in plain
    assert shown == {**plain, "metadata": mark}, "an update leaves it as it is"
    assert (plain["user"], plain["ts"]) == (client.auth_test()["user_id"], first["ts"])


@pytest.mark.parametrize(
    ("refused", "asked"),
    [
        ("channel_not_found", {"channel": "builds"}),
        ("invalid_cursor", {"cursor": "2"}),
        ("invalid_cursor", {"cursor": "bmV4dF90czp4"}),
        ("invalid_arguments", {"oldest": "yesterday"}),
        ("invalid_arguments", {"oldest": "inf"}),
        ("invalid_arguments", {"limit": "many"}),
    ],
)
def test_a_history_that_cannot_be_is_refused(forge: Seeded, refused: str, asked: dict[str, str]) -> None:
    channel = forge.forge.add_slack(token="xoxb-one", channel="builds")
    with pytest.raises(SlackApiError) as error:
        chat(forge, "xoxb-one").api_call("conversations.history", params={"channel": channel, **asked})
    assert error.value.response["error"] == refused


def test_a_history_takes_a_token_and_a_scope(forge: Seeded) -> None:
    channel = forge.forge.add_slack(token="xoxb-one", channel="builds", user="one")
    with pytest.raises(SlackApiError) as error:
        chat(forge, "xoxb-none").conversations_history(channel=channel)
    assert error.value.response["error"] == "invalid_auth"
    forge.forge.world.chat.blind.add("one")
    with pytest.raises(SlackApiError) as error:
        chat(forge, "xoxb-one").conversations_history(channel=channel)
    assert (error.value.response["error"], error.value.response["needed"]) == ("missing_scope", "channels:history")


def test_a_taken_port_is_an_error_and_leaves_nothing(forge: Seeded) -> None:
    with pytest.raises(OSError, match="in use"):
        DevForge(port=forge.forge.port, runner=None).start()
    assert requests.get(forge.forge.url, timeout=10).status_code == 200


def test_the_forge_runs_as_a_process_and_is_seeded_from_outside(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "bot.devforge", "--data", str(tmp_path / "data"), "--no-ci"]
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        try:
            headers = {"Authorization": f"Bearer {ready['admin_token']}"}

            def seed(call: str, **arguments: object) -> requests.Response:
                return requests.post(f"{ready['url']}/_dev/{call}", json=arguments, headers=headers, timeout=10)

            token = seed("add_user", login="ana").json()["result"]
            assert seed("add_repo", full_name="ana/calc", source={"a.py": "a = 1\n"}).status_code == 200
            assert seed("add_repo", full_name="ana/calc", source={}).status_code == 422
            assert seed("no_such_call").status_code == 404
            assert seed("stop").status_code == 404
            found = requests.get(
                f"{ready['api_url']}/repos/ana/calc", headers={"Authorization": f"Bearer {token}"}, timeout=10
            )
            assert found.json()["permissions"]["admin"] is True
            headers = {"Authorization": "Bearer wrong"}
            assert seed("add_user", login="eve").status_code == 401
        finally:
            process.terminate()
        assert process.wait(timeout=20) == 0
