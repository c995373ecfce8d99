"""What only GitLab has: text that it obeys, a gate in two places, emoji by other names, pipelines."""

import json
import re
from collections.abc import Iterator
from typing import cast

import pytest
from flask import Response, request
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.change import GateReport
from bot.domain.errors import Denied, NotFound
from bot.forges.gitlab.texts import harmless
from tests.contract.forge_rig import permission_to_merge, running
from tests.contract.gitlab_rig import GitLabRig

OBEYED = re.compile(r"^\s*/[A-Za-z]", re.MULTILINE)
HOSTILE = [
    "/close",
    "/CLOSE",
    "/label ~go",
    "text\n/merge\ntext",
    "  /close",
    "\t/close",
    "text\r/close",
    "text\r\n/close\r\n",
    "text\n/\rclose",
    "text\n\r\r/close",
    "\0/close",
    "\x0b/close",
    "```\n/close\n```",
    "```\n/close",
    "````\n```\n/close\n```\n````",
    "```text\n```ruby\n/close\n```",
    "~~~\n/close\n~~~",
    "    /close",
    "`\n/close\n`",
    "> quoted\n/close",
    ">>>\n/close\n>>>",
    ">>>\n/close",
    "<details>\n/close\n</details>",
    "<!--\n/close\n-->",
    "- item\n\n/close",
]
OPENING = HOSTILE[1:20:6]


@pytest.fixture
def rig() -> Iterator[GitLabRig]:
    with running("gitlab") as made:
        yield cast(GitLabRig, made)


# --- quick actions --------------------------------------------------------------------------------------------------
def test_the_forge_obeys_what_is_not_made_harmless(rig: GitLabRig) -> None:
    """Without this the attacks below would fail to fail."""
    number = rig.dev.open_issue(rig.repo.name, "Broken", "", by="ann")
    for text in ("text\n/close", "text\n/\rclose", "/CLOSE"):
        rig.call("ann", "PUT", f"/issues/{number}", {"state_event": "reopen"})
        rig.call(rig.me, "POST", f"/issues/{number}/notes", {"body": text})
        assert rig.forge.issue(rig.repo, number).state == "closed"


def test_no_verb_sends_a_line_that_gitlab_obeys(rig: GitLabRig) -> None:
    sent: list[str] = []

    def note(response: Response) -> None:
        if request.method in ("POST", "PUT") and request.is_json and "/statuses/" not in request.path:
            words = ("body", "description", "merge_commit_message", "squash_commit_message")
            said = json.loads(request.get_data())
            sent.extend(said[word] for word in words if word in said)

    issue = rig.dev.open_issue(rig.repo.name, "Broken", "", by="ann")
    numbers = [rig.open(f"agent/{number}") for number in range(len(OPENING))]
    head = rig.ref(numbers[0]).head_sha
    for number in numbers:
        rig.shut(number)
    rig.dev.observers.append(note)
    numbers = [rig.ensure(f"agent/{number}", title=text, body=text) for number, text in enumerate(OPENING)]
    for number, text in enumerate(HOSTILE):
        rig.forge.ensure_comment(rig.issue(issue), f"run:{number}", text)
    for text in HOSTILE:
        rig.forge.ensure_comment(rig.change(numbers[0]), "run:1", text)
        rig.forge.set_gate(rig.repo, head, GateReport("success", "title", text))
    rig.dev.observers.remove(note)
    assert len(sent) > 3 * len(HOSTILE)
    assert not [body for body in sent if OBEYED.search(body.replace("\r", ""))]
    assert rig.forge.issue(rig.repo, issue).state == "open"
    for number in numbers:
        change = rig.forge.change(rig.repo, number)
        assert (change.state, change.labels, change.draft) == ("open", (), False)
    rig.dev.observers.append(note)
    sent.clear()
    ref = rig.ref(numbers[0])
    rig.forge.merge(ref, permission_to_merge(ref), title="/close", message="why\n\n/close\r/merge")
    rig.dev.observers.remove(note)
    assert len(sent) == 2
    assert not [body for body in sent if OBEYED.search(body.replace("\r", ""))]


@given(
    st.lists(st.sampled_from(["/close", "/", "c", "\r", "\n", " ", "```", "~~~", "\t", "\0", "`", "x"]), max_size=40),
    st.integers(min_value=90, max_value=140),
)
def test_no_text_is_obeyed_however_it_is_cut(parts: list[str], limit: int) -> None:
    text = "".join(parts) * 4
    shown = harmless(text, limit)
    assert not OBEYED.search(shown)
    assert "\r" not in shown
    assert len(shown) <= limit + text.count("/")
    assert harmless(shown, limit + 100) == shown


def test_harmless_text_reads_as_before() -> None:
    assert harmless("see /etc/hosts\nand a/b\n/ 2") == "see /etc/hosts\nand a/b\n/ 2"
    assert harmless("run\n/close") == "run\n\\/close"
    assert harmless("```\n/usr/bin/env\n```\n/usr") == "```\n\N{WORD JOINER}/usr/bin/env\n```\n\\/usr"


# --- the gate -------------------------------------------------------------------------------------------------------
PENDING = GateReport("pending", "waits for an approval", "| rule | state |")


def test_the_gate_is_a_status_of_one_line_and_a_comment_with_the_table(rig: GitLabRig) -> None:
    number = rig.open()
    head = rig.ref(number).head_sha
    rig.seen.clear()
    for report in (PENDING, PENDING, GateReport("failure", "long " * 60, "| why |")):
        rig.forge.set_gate(rig.repo, head, report)
    assert rig.writes() == ["POST", "POST", "POST", "PUT"]
    (check,) = rig.forge.checks(rig.repo, head)
    assert (check.name, check.state, check.source) == ("journeyman/gate", "failure", rig.me)
    assert len(check.summary) == 255
    ((who, body),) = rig.said(rig.change(number))
    assert who == rig.me
    assert body == "<!-- journeyman:gate -->\n**journeyman/gate: failure**\n\n| why |"


def test_a_gate_that_waits_cannot_change_its_words(rig: GitLabRig) -> None:
    """GitLab refuses to let a status wait that waits already: nothing is sent, and the comment has the words."""
    number = rig.open()
    head = rig.ref(number).head_sha
    rig.forge.set_gate(rig.repo, head, PENDING)
    rig.seen.clear()
    rig.forge.set_gate(rig.repo, head, GateReport("pending", "waits for two", "| other |"))
    assert rig.writes() == ["PUT"]
    assert "| other |" in rig.said(rig.change(number))[0][1]


def test_a_gate_of_somebody_else_is_not_ours(rig: GitLabRig) -> None:
    head = rig.ref(rig.open()).head_sha
    rig.report("ann", head, "journeyman/gate", "success")
    rig.forge.set_gate(rig.repo, head, GateReport("failure", "blocked", "why"))
    found = {check.source: check.state for check in rig.forge.checks(rig.repo, head)}
    assert found == {"ann": "success", rig.me: "failure"}


def test_a_gate_is_not_shown_on_a_change_that_moved_on(rig: GitLabRig) -> None:
    number = rig.open()
    old = rig.ref(number).head_sha
    acts = [{"action": "create", "file_path": "more.txt", "content": "x\n"}]
    rig.call("root", "POST", "/repository/commits", {"branch": "agent/one", "commit_message": "m", "actions": acts})
    rig.forge.set_gate(rig.repo, old, PENDING)
    assert rig.said(rig.change(number)) == []


# --- the rest -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("reaction", "name"), [("+1", "thumbsup"), ("-1", "thumbsdown"), ("eyes", "eyes")])
def test_reactions_have_gitlabs_names(rig: GitLabRig, reaction: str, name: str) -> None:
    number = rig.dev.open_issue(rig.repo.name, "Broken", "", by="ann")
    comment = rig.dev.comment(rig.repo.name, number, "/agent fix", by="ann")
    rig.forge.react(rig.issue(number), comment, reaction)
    assert rig.faces(rig.issue(number), comment) == [(rig.me, name)]


def test_who_may_not_merge_is_denied_and_not_told_to_wait(rig: GitLabRig) -> None:
    ref = rig.ref(rig.open())
    rig.dev.set_role(rig.repo.name, rig.me, "read")
    with pytest.raises(Denied, match="may not merge"):
        rig.merge(ref)


def test_an_empty_project_has_no_branch(rig: GitLabRig) -> None:
    repo = rig.at("octo/empty")
    rig.dev.add_repo(repo.name, {"a": "x"}, roles={rig.me: "write"})
    place = rig.dev.world.repo(repo.name)
    assert place is not None
    place.default_branch = ""
    with pytest.raises(NotFound, match="empty"):
        rig.forge.default_branch(repo)
