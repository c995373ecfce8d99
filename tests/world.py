"""A small world to have conversations in: one repository on a running stage, the people there, and what the bot does.

Waiting is always for a condition, with a deadline that a busy machine can keep.
"""

import json
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select

from bot.adapters.audit_files import verify_database
from bot.adapters.schema import jobs
from bot.devforge.model import ChangePart, Delivery, Repository
from bot.domain.change import Subject
from bot.domain.facts import Handled
from bot.domain.run import Run
from bot.forges.texts import is_marked
from bot.services.books import DeliveryBook
from tests.routes import route
from workers.demo.people import Proposed
from workers.demo.stage import APPROVER, LABEL, REQUESTER, Scene, Stage

# Our own development's plugins are in the same environment, and loading hypothesis takes longer than the repair.
PLAIN = " ".join(
    f"-p no:{name}" for name in ("hypothesispytest", "randomly", "xdist", "xdist.looponfail", "pytest_cov")
)
INI = {"pytest.ini": f"[pytest]\naddopts = {PLAIN} -p no:timeout -p no:anyio -p no:valkey\n"}
CALC: dict[str, str] = {
    **INI,
    "calc.py": "def add(a, b):\n    return a - b\n\n\ndef double(a):\n    return a * 2\n",
    "test_calc.py": (
        "from calc import add, double\n\n\n"
        "def test_add():\n    assert add(2, 3) == 5\n\n\n"
        "def test_add_negative():\n    assert add(-1, -4) == -5\n\n\n"
        "def test_add_nothing():\n    assert add(7, 0) == 7\n\n\n"
        "def test_double():\n    assert double(4) == 8\n"
    ),
}
TITLE, BODY = "add() is wrong", "`add(2, 3)` should be 5; `test_calc.py::test_add` shows it."
FIXED = "def add(a, b):\n    return a + b\n\n\ndef double(a):\n    return a * 2\n"


@dataclass(slots=True)
class Town:
    """One repository on the stage. People are named as in `workers.demo.stage`."""

    scene: Scene
    _handled: set[str] = field(default_factory=set)  # what settle need not look at again

    @property
    def stage(self) -> Stage:
        return self.scene.stage

    @property
    def repo(self) -> str:
        return self.scene.repo

    @property
    def place(self) -> Repository:
        """The forge's own record of the repository; hold the forge's lock while reading it."""
        found = self.stage.forge.world.repo(self.repo)
        assert found is not None
        return found

    @property
    def hook(self) -> str:
        """Where the forge sends its deliveries."""
        return f"{self.stage.installation.url}/webhooks/{self.stage.dialect}"

    def change_record(self, number: int) -> ChangePart:
        """The forge's own record of a change; hold the forge's lock while using it."""
        found = self.place.changes[number].change
        assert found is not None
        return found

    # --- people -----------------------------------------------------------------------------------------------------
    def issue(self, title: str = TITLE, body: str = BODY) -> int:
        return self.scene.open_issue(title, body)

    @property
    def bot(self) -> str:
        """The bot's login."""
        return self.stage.bot

    @property
    def subject(self) -> Subject:
        """The latest run's change, to comment on; a plain number is that of an issue."""
        return self.scene.subject("change", self.proposed.number)

    @property
    def proposed(self) -> Proposed:
        """The latest change."""
        return self.scene.changes()[0]

    def say(self, where: int | Subject, text: str, who: str = REQUESTER) -> int:
        return self.scene.say(where, text, who)

    def obeyed(self, where: int | Subject, text: str, who: str = REQUESTER) -> Handled:
        """Comment, and return how that comment was handled."""
        return self.outcome(self.say(where, text, who))

    def label(self, change: int, who: str = APPROVER, *, on: bool = True) -> None:
        """Set the approval label on a change, or take it off."""
        self.scene.people.label(who, change, LABEL, on=on)

    def label_issue(self, issue: int, who: str = APPROVER) -> None:
        """Set the approval label on an issue, where it means nothing."""
        self.stage.forge.set_label(self.repo, issue, LABEL, by=who)

    def person(self, login: str, role: str) -> str:
        """Add somebody with a role here; returns their name."""
        self.stage.tokens[login] = self.stage.forge.add_user(login)
        self.stage.forge.set_role(self.repo, login, role)
        return login

    def program(self, name: str, role: str) -> str:
        """Add an account of a program with a role here; returns its login."""
        token = self.stage.forge.add_bot(name)
        with self.stage.forge.world.lock:
            login = self.stage.forge.world.tokens[token].user.login
        self.stage.tokens[login] = token
        self.stage.forge.set_role(self.repo, login, role)
        return login

    def route(self, name: str) -> tuple[str, str]:
        """Return method and pattern of a request about this repository; see `tests.routes`."""
        return route(self.stage.dialect, self.repo, name)

    def commit(self, files: Mapping[str, str | None], branch: str = "main", who: str = APPROVER) -> str:
        """Push one commit on a branch as a person; None takes a file away. Returns the new head."""
        return self.scene.people.commit(who, branch, dict(files))

    def head(self, branch: str = "main") -> str:
        return self.scene.people.head(branch)

    def file(self, path: str, branch: str = "main") -> str | None:
        """Return a file of a branch as the forge has it; None when there is none."""
        with self.stage.forge.world.lock:
            sha = self.place.git.branch(branch)
            assert sha is not None
            entry = self.place.git.entry(sha, path)
            return None if entry is None else self.place.git.blob(entry.sha).decode()

    # --- what the bot did -------------------------------------------------------------------------------------------
    @property
    def run(self) -> Run:
        """The latest run."""
        return self.scene.runs()[0]

    def runs(self) -> list[Run]:
        return self.scene.runs()

    def fixed(self, issue: int | None = None, text: str = "/agent fix") -> Run:
        """Ask for a fix (of a new issue when none is given) and wait until its change is open."""
        self.say(self.issue() if issue is None else issue, text)
        return self.until(lambda run: run.published is not None, "a change to be opened")

    def judged(self, *, checks: str = "success") -> Run:
        """Wait until the gate has judged the present head with these checks."""
        return self.until(
            lambda run: run.judged is not None and run.judged.sha == run.head and run.judged.checks == checks,
            f"the gate to see checks: {checks}",
        )

    def until(self, holds: Callable[[Run], object], what: str) -> Run:
        """Wait until the latest run is as wanted; fails when it ended otherwise."""
        return self.scene.until(holds, what)

    def ended(self, state: str) -> Run:
        """Wait until the latest run has ended in this state, and all people's views say so."""
        self.until(lambda run: run.state == state, f"the run to be {state}")
        self.settle()
        return self.run

    def eventually(self, holds: Callable[[], Any], what: str) -> Any:
        return self.scene.eventually(holds, what)

    def rule(self, name: str) -> tuple[str, str]:
        """Return state and reason of a rule in the present verdict."""
        judged = self.run.judged
        assert judged is not None
        return next((state, reason) for rule, state, reason in judged.rules if rule == name)

    def deliveries(self) -> list[Delivery]:
        """Return what the hooks sent, the oldest first."""
        with self.stage.forge.world.lock:
            return [one for hook in self.place.hooks.values() for one in list(hook.deliveries)]

    def delivery(self, comment: int) -> Delivery:
        """Return the delivery that told of a new comment."""
        for one in self.deliveries():
            if self.tells_of(one) == comment:
                return one
        raise AssertionError(f"the forge told nobody of the comment {comment}")

    def tells_of(self, delivery: Delivery) -> int | None:
        """Return the id of the new comment that a delivery tells of, if it does."""
        body = json.loads(delivery.body)
        if self.stage.dialect == "github":
            return body["comment"]["id"] if (delivery.event, delivery.action) == ("issue_comment", "created") else None
        new = delivery.event == "note" and body["object_attributes"].get("action") == "create"
        return body["object_attributes"]["id"] if new else None

    def handled(self, delivery: str) -> Handled | None:
        return DeliveryBook(self.stage.store.ledger, delivery).handled

    def outcome(self, comment: int) -> Handled:
        """Wait until a comment is handled, and return how."""
        guid = self.delivery(comment).guid
        found = self.eventually(lambda: self.handled(guid), f"the comment {comment} to be handled")
        assert isinstance(found, Handled)
        return found

    def settle(self) -> None:
        """Wait until every webhook is sent, every accepted one handled, and no job of this place is due."""
        self.eventually(self._is_quiet, "everything to be worked off")

    def _is_quiet(self) -> bool:
        sent = self.deliveries()
        if any(one.status == "pending" for one in sent):
            return False
        for guid in [one.guid for one in sent if one.code == 202 and one.guid not in self._handled]:
            if self.handled(guid) is None:
                return False
            self._handled.add(guid)
        store, soon = self.stage.store, self.stage.store.time.now() + 0.2
        busy = select(func.count()).where(
            jobs.c.state.in_(("waiting", "leased")),
            (jobs.c.state == "leased") | (jobs.c.due <= soon) | (jobs.c.attempts > 0),  # at work, due, or to be retried
            jobs.c.name.in_(("advance", "execute")),
        )
        mine = [jobs.c.key.startswith(run.id) for run in self.runs()]
        if not mine:
            return True
        for one in mine:
            if store.database.read(lambda connection, one=one: connection.execute(busy.where(one)).scalar_one()):
                return False
        # A job that ended between the two looks may have moved the forge to tell of something.
        return len(self.deliveries()) == len(sent)

    def said(self, where: int | Subject) -> list[str]:
        """Return what the bot said on an issue or change."""
        return self.scene.comments(where)

    def status(self, run: Run) -> str:
        """Return the one status comment of a run."""
        mine = [text for text in self.said(run.intent.subject) if is_marked(run.id, text)]
        assert len(mine) == 1, mine
        return mine[0]

    def chat(self, run: Run) -> list[str]:
        """Return the chat messages of a run."""
        return [message.text for message in self.stage.forge.slack_messages() if run.id in message.text]

    def kill(self, name: str) -> None:
        """End a process of the installation with -9; it is started again by whoever waits next."""
        process = self.stage.installation.members[name].process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)

    # --- what must always hold --------------------------------------------------------------------------------------
    def sound(self) -> None:
        """Nothing is lost, doubled or open: to be said at the end of a conversation."""
        self.settle()
        store = self.stage.store
        report = verify_database(store.database, store.keys.verify)
        assert report.problem is None, report.problem
        for one in self.deliveries():
            if one.code == 202:
                # The last thing that the bot does may itself be told of by a webhook.
                self._handled_in_the_end(one)
                book = DeliveryBook(store.ledger, one.guid)
                assert all(book.effects.values()), f"open effects of {one.event}: {book.effects}"
        for run in self.runs():
            assert not run.open_effects, f"open effects of {run.id}: {run.open_effects}"
            assert self.status(run)
            assert len(self.chat(run)) == 1, self.chat(run)
        branches = [change.branch for change in self.scene.changes()]
        assert len(branches) == len(set(branches)), "two changes from one branch"

    def _handled_in_the_end(self, one: Delivery) -> None:
        self.eventually(lambda: self.handled(one.guid), f"{one.event} {one.guid} to have an outcome")

    def merged_once(self) -> Run:
        """The story came to its good end, once."""
        run = self.ended("done")
        assert run.merged is not None
        assert run.merged.landed, run.merged.detail
        changes = self.scene.changes()
        assert [change.state for change in changes] == ["merged"], changes
        assert self.head() == run.merged.merged_sha
        assert not self.scene.people.issue_is_open(run.intent.issue)
        assert "**Done.**" in self.status(run)
        self.sound()
        return run
