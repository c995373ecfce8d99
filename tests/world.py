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
from bot.devforge.model import Delivery, Repository
from bot.domain.facts import Handled
from bot.domain.run import Run
from bot.forges.github.markers import is_marked
from bot.services.books import DeliveryBook
from workers.demo.stage import APPROVER, BOT, LABEL, REQUESTER, Scene, Stage

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

    # --- people -----------------------------------------------------------------------------------------------------
    def issue(self, title: str = TITLE, body: str = BODY) -> int:
        return self.scene.open_issue(title, body)

    def say(self, number: int, text: str, who: str = REQUESTER) -> int:
        return self.scene.say(number, text, who)

    def obeyed(self, number: int, text: str, who: str = REQUESTER) -> Handled:
        """Comment, and return how that comment was handled."""
        return self.outcome(self.say(number, text, who))

    def label(self, number: int, who: str = APPROVER, *, on: bool = True) -> None:
        """Set the approval label, or take it off."""
        self.stage.forge.set_label(self.repo, number, LABEL, by=who, on=on)

    def commit(self, files: Mapping[str, str | None], branch: str = "main", who: str = APPROVER) -> str:
        """Push one commit on a branch as a person; None takes a file away. Returns the new head."""
        head = self.head(branch)
        rows = [
            {"path": path, "mode": "100644", "type": "blob", **({"sha": None} if text is None else {"content": text})}
            for path, text in files.items()
        ]
        tree = self.scene.act(who, "POST", "git/trees", base_tree=head, tree=rows)["sha"]
        made = self.scene.act(who, "POST", "git/commits", message="By hand", tree=tree, parents=[head])["sha"]
        self.scene.act(who, "PATCH", f"git/refs/heads/{branch}", sha=made)
        return str(made)

    def head(self, branch: str = "main") -> str:
        return str(self.scene.act(APPROVER, "GET", f"git/ref/heads/{branch}")["object"]["sha"])

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
            told = one.event == "issue_comment" and one.action == "created"
            if told and json.loads(one.body)["comment"]["id"] == comment:
                return one
        raise AssertionError(f"the forge told nobody of the comment {comment}")

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

    def said(self, number: int) -> list[str]:
        """Return what the bot said on an issue or change."""
        return self.scene.comments(number)

    def status(self, run: Run) -> str:
        """Return the one status comment of a run."""
        mine = [text for text in self.said(run.intent.issue) if is_marked(run.id, text)]
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
        branches = [change["head"]["ref"] for change in self.scene.changes()]
        assert len(branches) == len(set(branches)), "two changes from one branch"

    def _handled_in_the_end(self, one: Delivery) -> None:
        self.eventually(lambda: self.handled(one.guid), f"{one.event} {one.guid} to have an outcome")

    def merged_once(self) -> Run:
        """The story came to its good end, once."""
        run = self.ended("done")
        assert run.merged is not None
        assert run.merged.landed, run.merged.detail
        changes = self.scene.changes()
        assert [change["merged_at"] is not None for change in changes] == [True], changes
        assert self.head() == run.merged.merged_sha
        assert self.scene.act(APPROVER, "GET", f"issues/{run.intent.issue}")["state"] == "closed"
        assert "**Done.**" in self.status(run)
        self.sound()
        return run


BOT_LOGIN = f"{BOT}[bot]"
