"""The story: an issue is opened, somebody types `/agent fix`, a change comes, a human approves it, it is merged."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from bot.adapters.audit_files import verify_database
from bot.domain.run import Run
from workers.demo import example
from workers.demo.people import StoryFailed
from workers.demo.source import Taken, copied
from workers.demo.stage import APPROVER, LABEL, REQUESTER, Dialect, Scene, Stage
from workers.models.script import parse
from workers.models.scripted_server import ScriptedServer

Wire = Literal["none", "openai", "anthropic"]


@dataclass(frozen=True, slots=True)
class Plot:
    """What to play: the repository's source, the issue, and the model's wire (`none`: the repair engine alone)."""

    name: str
    source: Taken | dict[str, str]
    title: str
    body: str
    model: Wire = "none"
    forge: Dialect = "github"
    seconds: float = 300.0


@dataclass(slots=True)
class Story:
    """One playing of a plot. `tell(phase, text)` is called with each thing that happens.

    `mark` is the change as the forge's people write it, once there is one.
    """

    plot: Plot
    tell: Callable[[str, str], None]
    seconds: dict[str, float] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    stage: Stage = field(init=False)
    scene: Scene = field(init=False)
    _stack: ExitStack = field(default_factory=ExitStack)
    mark: str = field(default="", init=False)
    _state: str = field(default="", init=False)

    def __enter__(self) -> "Story":
        try:
            with self._phase("start"):
                stage = Stage(
                    self._model(), self.plot.seconds, lambda text: self.tell("start", text), dialect=self.plot.forge
                )
                self.stage = self._stack.enter_context(stage)
                self.scene = self._scene()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _scene(self) -> Scene:
        source = self.plot.source
        if isinstance(source, dict):
            return self.stage.scene(self.plot.name, source)
        with copied(source) as repository:
            return self.stage.scene(self.plot.name, repository)

    def _model(self) -> dict[str, str]:
        if self.plot.model == "none":
            return {}
        server = self._stack.enter_context(ScriptedServer(parse(example.SCRIPT)))
        return {
            "JOURNEYMAN_MODEL_URL": server.url,
            "JOURNEYMAN_MODEL_API": self.plot.model,
            "JOURNEYMAN_MODEL": "scripted",
            "JOURNEYMAN_ENGINES": "false",
        }

    def play(self) -> dict[str, Any]:
        """Play to the end and return what happened; raises StoryFailed."""
        issue = self._ask()
        opened = self._fix()
        gate_before = self._check()
        merged, gate_after = self._approve(opened)
        self._close(issue)
        audit = self._audit()
        assert merged.merged is not None
        assert merged.judged is not None
        assert opened.published is not None
        assert opened.solution is not None
        return {
            "issue": issue,
            "change": opened.published.number,
            "branch": opened.published.branch,
            "head_sha": merged.merged.head_sha,
            "merged_sha": merged.merged.merged_sha,
            "landed_as_approved": merged.merged.landed,
            "test_before": opened.solution.evidence.get("test_before"),
            "test_after": opened.solution.evidence.get("test_after"),
            "gate_before": gate_before,
            "gate_after": gate_after,
            "approved_by": ", ".join(merged.judged.approvers),
            "slack_messages": len(self.stage.forge.slack_messages()),
            "audit": audit,
            "run": opened.id,
            "forge": self.plot.forge,
            "model": self.plot.model,
            "seconds": {phase: round(seconds, 2) for phase, seconds in self.seconds.items()},
        }

    def _ask(self) -> int:
        with self._phase("ask"):
            issue = self.scene.open_issue(self.plot.title, self.plot.body)
            self.links = {"forge": self.stage.forge.url, "issue": self.scene.people.issue_page(issue)}
            self.tell("ask", f"{REQUESTER} opened issue #{issue}: {self.plot.title}")
            self.scene.say(issue, "/agent fix")
            self.tell("ask", f"{REQUESTER} commented: /agent fix")
        return issue

    def _fix(self) -> Run:
        with self._phase("fix"):
            run = self._until("fix", lambda run: run.published is not None, "a change to be opened")
            assert run.published is not None
            self.mark = self.scene.subject("change", run.published.number).mark
            self.links["change"] = self.scene.changes()[0].page
            self.tell("fix", f"change {self.mark} is open: {self.links['change']}")
        return run

    def _check(self) -> str:
        with self._phase("check"):

            def settled(run: Run) -> bool:
                return run.judged is not None and run.judged.checks in {"success", "failure"}

            run = self._until("check", settled, "the checks")
            assert run.judged is not None
            if run.judged.checks == "failure":
                reasons = "; ".join(f"{name}: {reason}" for name, state, reason in run.judged.rules if state == "fail")
                raise StoryFailed(f"the change is open, but the gate stays shut: {reasons}")
            gate = str(self.scene.eventually(lambda: self._shown(run.head), "the gate to be shown"))
            self.tell("check", f"checks: {run.judged.checks}; the gate says: {gate}")
        return gate

    def _shown(self, sha: str) -> str:
        gate = self.scene.gate(sha)
        return "" if gate == "missing" else gate

    def _approve(self, opened: Run) -> tuple[Run, str]:
        with self._phase("approve"):
            assert opened.published is not None
            self.scene.approve(opened.published.number)
            self.tell("approve", f"{APPROVER} set the label {LABEL} on {self.mark}")
            run = self._until("approve", lambda run: run.merged is not None, "the merge")
            return run, self.scene.gate(run.head)

    def _close(self, issue: int) -> None:
        with self._phase("close"):
            run = self._until("close", lambda run: run.state == "done", "the issue to be closed")
            self.scene.eventually(
                lambda: any("**Done.**" in text for text in self.scene.comments(issue)), "the last word on the issue"
            )
            self.tell("close", f"merged as {run.merged.merged_sha[:12] if run.merged else '?'}; the issue is closed")

    def _audit(self) -> str:
        with self._phase("audit"):
            store = self.stage.store
            report = verify_database(store.database, store.keys.verify)
            audit = "ok" if report.problem is None else str(report.problem)
            self.tell("audit", f"{report.envelopes} facts in {report.streams} chains verified: {audit}")
        return audit

    def _until(self, phase: str, holds: Callable[[Run], bool], what: str) -> Run:
        def seen(state: str) -> None:
            if state != self._state:  # each wait tells where it begins, which may be where the last one ended
                self._state = state
                self.tell(phase, f"the run is {state}")

        return self.scene.until(holds, what, seen=seen)

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        begun = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - begun
