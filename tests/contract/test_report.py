"""The one chat message of a run, over the real forge, chat and ledger: whatever is lost on the way, it stays one."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import request

from bot.adapters.git import Git
from bot.adapters.slack import SlackNotifier
from bot.devforge.server import DevForge
from bot.devforge.world import Message
from bot.domain import facts as f
from bot.forges.github.api import GitHubForge
from bot.ports import Notifier, Posted
from bot.services import messages
from bot.services.books import Performer, RunBook
from bot.services.deps import Broker
from bot.services.report import report
from tests.builders import REPO, RUN, STORY, intent, policy
from tests.contract.ledger_rig import Rig, installation

TOKEN = "xoxb-the-secret"


class Killed(BaseException):
    """The process ends here."""


@dataclass(frozen=True, slots=True)
class LastWords:
    """A chat whose broker is killed between the post and its record."""

    chat: Notifier

    def post(self, text: str, *, run: str, known: Posted | None, since: float | None) -> Posted:
        self.chat.post(text, run=run, known=known, since=since)
        raise Killed


@dataclass
class Office:
    """A run of one issue, reported by a broker that lives only as long as one report."""

    dev: DevForge
    rig: Rig
    forge: GitHubForge
    chat: Notifier
    asked: list[str]
    logged: list[str]

    def report(self, *facts: f.Fact, chat: Notifier | None = None) -> RunBook:
        """Record what happened, and say so."""
        deps = Broker(
            ledger=self.rig.ledger(),
            jobs=self.rig.jobs,
            artifacts=self.rig.artifacts,
            git=Git(),
            forges={"github": self.forge},
            time=self.rig.time,
            policies=lambda _name: policy(),
            policy_name="default",
            author=("a", "b"),
            chat=chat or self.chat,
        )
        book = RunBook(deps.ledger, deps.time, RUN, cause="test")
        book.record(*facts)
        report(deps, book, Performer(lambda: None))
        return book

    def fail(self, **how: Any) -> None:
        self.dev.fail_next("POST", "^/slack/api/chat.postMessage$", **how)

    def one(self, book: RunBook) -> Message:
        """There is one message; it says what is so now, and the run knows where it stands."""
        (message,) = self.dev.slack_messages()
        assert message.text == messages.chat(book.run)
        assert book.run.reported["slack"].ref == f"{message.channel} {message.ts}"
        return message


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    asked: list[str] = []
    logged: list[str] = []

    def note(_response: object) -> None:
        if request.path.startswith("/slack/api/"):
            asked.append(request.path.removeprefix("/slack/api/"))

    def log(event: str, **_fields: object) -> None:
        logged.append(event)

    with installation("sqlite", tmp_path) as rig, DevForge(runner=None) as dev:
        token = dev.add_bot("journeyman")
        dev.add_repo(REPO.name, {"a.py": "x = 1\n"}, roles={"journeyman[bot]": "write"})
        issue = dev.open_issue(REPO.name, "add() subtracts", "", by="alice")
        rig.ledger().append(RUN, [f.Requested(intent(issue=issue))], expect=0, cause="comment-1")
        dev.observers.append(note)
        chat = SlackNotifier(TOKEN, dev.add_slack(token=TOKEN, channel="agents"), log, url=f"{dev.url}/slack/api/")
        forge = GitHubForge(token, url=dev.api_url, pacing=False)
        try:
            yield Office(dev, rig, forge, chat, asked, logged)
        finally:
            forge.close()


def test_on_the_common_path_nobody_looks_for_anything(office: Office) -> None:
    office.report()
    office.report()
    message = office.one(office.report(f.Stopped("bob")))
    assert message.edited
    assert office.asked == ["chat.postMessage", "chat.update"]


@pytest.mark.parametrize("how", [{"status": 500, "after_effect": True}, {"truncate": True}], ids=["500", "cut"])
def test_the_answer_to_the_first_post_is_lost(office: Office, how: dict[str, Any]) -> None:
    office.fail(**how)
    book = office.report()
    assert book.run.open_effects == ("report:slack:0",)
    assert office.one(office.report(f.Stopped("bob"))).edited
    assert office.asked == ["chat.postMessage", "auth.test", "conversations.history", "chat.update"]


def test_the_first_post_has_no_effect(office: Office) -> None:
    office.fail(status=500)
    office.report()
    assert not office.dev.slack_messages()
    office.one(office.report(f.Stopped("bob")))


@pytest.mark.parametrize("later", [(), (f.Stopped("bob"),)], ids=["the same text", "another text"])
def test_the_broker_is_killed_between_the_post_and_its_record(office: Office, later: tuple[f.Fact, ...]) -> None:
    with pytest.raises(Killed):
        office.report(chat=LastWords(office.chat))
    office.one(office.report(*later))
    asked = len(office.asked)
    office.one(office.report(STORY.stored, f.Stopped("eve")))
    assert office.asked[asked:] == ["chat.update"], "from here on, it is known"


def test_a_refusal_after_an_unknown_end_does_not_tell_how_that_was(office: Office) -> None:
    with pytest.raises(Killed):
        office.report(chat=LastWords(office.chat))
    with office.dev.world.lock:
        revoked = office.dev.world.chat.tokens.pop(TOKEN)
    office.report()
    with office.dev.world.lock:
        office.dev.world.chat.tokens[TOKEN] = revoked
    office.one(office.report(f.Stopped("bob")))


def test_the_answer_to_the_post_for_one_that_was_deleted_is_lost(office: Office) -> None:
    office.report()
    with office.dev.world.lock:
        office.dev.world.chat.messages.clear()
    office.fail(status=500, after_effect=True)
    office.report(f.Stopped("bob"))
    assert office.one(office.report(f.Stopped("eve"))).edited


def test_a_token_that_may_not_look_says_it_again(office: Office) -> None:
    office.dev.world.chat.blind.add("journeyman")
    office.fail(status=500, after_effect=True)
    office.report()
    office.report(f.Stopped("bob"))
    assert len(office.logged) == 1
    book = office.report(f.Stopped("eve"))
    lost, kept = office.dev.slack_messages()
    assert (lost.edited, kept.edited) == (False, True)
    assert kept.text == messages.chat(book.run)
