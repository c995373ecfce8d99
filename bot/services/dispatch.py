"""Decide what a delivery means: start a run, move one, answer, or nothing. Every delivery gets exactly one outcome."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from bot.domain import commands as c
from bot.domain import events as e
from bot.domain.change import GATE, Repo, Role, Subject
from bot.domain.errors import Conflict, Denied, ForgeError, NotFound, PolicyError, Unavailable
from bot.domain.facts import Handled, PlanApproved, Requested, Retried, Stopped, Woken
from bot.domain.intent import Intent
from bot.domain.run import MAX_ATTEMPTS, Run, fold, run_id
from bot.ports import Job, RunRow
from bot.services import answers, messages
from bot.services.books import DeliveryBook, Effect, Performer, RunBook, row_of
from bot.services.deps import Broker
from bot.services.explain import why
from bot.services.policies import policy_of

MAX_RUNS_PER_ISSUE = 50
OPEN_STATES = {"waiting", "merging"}
ENDED = {"done", "failed", "stopped", "closed"}
OBEYED = {"started", "moved", "repeated"}
# What undoes an older command that comes late. A stop that found nothing to stop still means that nothing shall run.
DECISIVE = {"fix": OBEYED, "plan": OBEYED, "retry": OBEYED, "stop": {*OBEYED, "answered"}}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a delivery ended, and the jobs that it leaves to be sent."""

    handled: Handled
    jobs: tuple[Job, ...] = ()


@dataclass(slots=True)
class Dispatch:
    """Handles one delivery."""

    deps: Broker
    delivery: e.Delivery
    performer: Performer
    wished: list[Job] = field(default_factory=list)
    topic: str = ""
    verb: str = ""

    def handle(self, event: e.ForgeEvent) -> Outcome:
        """Handle an event once; a delivery that was handled before keeps its first outcome.

        Raises Unavailable when the forge cannot answer now: the job is tried again later.
        """
        book = DeliveryBook(self.deps.ledger, self.delivery.id)
        if book.handled is not None:
            return Outcome(book.handled)
        try:
            handled = self._event(book, event)
        except (Denied, NotFound) as error:
            handled = self._outcome("failed", f"the forge refused: {error}")
        book.record(handled)
        return Outcome(handled, tuple(self.wished))

    def _outcome(self, outcome: str, reason: str, run: str | None = None) -> Handled:
        return Handled(self.delivery.id, outcome, reason, run, self.verb)  # type: ignore[arg-type]

    def _event(self, book: DeliveryBook, event: e.ForgeEvent) -> Handled:
        match event:
            case e.Commented():
                return self._comment(book, event)
            case e.LabelsChanged(subject, label):
                return self._wake(self._runs_of(subject), f"label {label}")
            case e.ChecksMoved(repo, sha, name):
                if name == GATE:
                    return self._outcome("ignored", "the gate's own check")
                return self._wake(self._runs_at(repo, sha), f"check {name}")
            case e.ChangeMoved(repo, number, action):
                return self._wake(self._runs_of(Subject(repo, "change", number)), f"change {action}")
            case e.IssueMoved(_, _, action):
                return self._outcome("ignored", f"issue {action}: runs begin with a command")
            case e.Pushed(_, branch):
                return self._outcome("ignored", f"push to {branch}: no run depends on it")
            case e.Pinged() | e.Ignored():
                return self._outcome("ignored", "nothing to do")
            case _:  # pragma: no cover - the type checker proves that nothing is left
                assert_never(event)

    # --- runs that something happened to
    def _runs_of(self, subject: Subject) -> list[str]:
        if subject.kind == "issue":
            return []
        rows = self.deps.ledger.runs(repo=str(subject.repo), change=subject.number)
        return [row.run for row in rows if row.state in OPEN_STATES]

    def _runs_at(self, repo: Repo, sha: str) -> list[str]:
        rows = self.deps.ledger.runs(repo=str(repo), head=sha)
        return [row.run for row in rows if row.state in OPEN_STATES]

    def _wake(self, runs: list[str], cause: str) -> Handled:
        if not runs:
            return self._outcome("ignored", f"{cause}: no run waits for it")
        for run in runs:
            book = self._book(run)
            if not book.run.terminal:
                # Also when it is awake: whoever looks at the forge right now looked too early, and must lose the race.
                book.record(Woken(cause[:100]))
            self.wished += [*book.wished, Job("advance", run)]
        return self._outcome("moved", cause[:200], runs[0])

    def _book(self, run: str, cause: str | None = None) -> RunBook:
        return RunBook(self.deps.ledger, self.deps.time, run, cause or self.delivery.id)

    # --- commands
    def _comment(self, book: DeliveryBook, event: e.Commented) -> Handled:
        forge = self.deps.forge(event.subject.repo)
        if event.by_bot or event.by.lower() == forge.whoami().lower():
            return self._outcome("ignored", "written by a bot")
        command = c.parse(event.text)
        if command is None:
            return self._outcome("ignored", "no command")
        self.verb = type(command).__name__.lower()
        self._react(book, event)
        role = forge.role(event.subject.repo, event.by)
        # One answer for each command, but for a person without access one of each kind: nobody makes the bot chatter.
        kind = "refusal" if isinstance(command, c.Act) else self.verb
        nobody = f"reply-to:{event.by.replace('--', '-.')}:{kind}"
        self.topic = f"reply-{event.comment}" if role.at_least(Role.WRITE) else nobody
        if isinstance(command, c.Ask):
            return self._tell(book, event, command)
        if not role.at_least(Role.WRITE):
            self._say(book, event, messages.not_allowed(event.by, role, self.verb))
            return self._outcome("refused", f"{event.by} has {role} access, not write")
        return self._obey(book, event, command, role)

    def _tell(self, book: DeliveryBook, event: e.Commented, command: c.Ask) -> Handled:
        match command:
            case c.Help():
                return self._answer(book, event, messages.help_text(), "help")
            case c.Unknown():
                return self._answer(book, event, messages.unknown(command), "no such command")
            case c.Why():
                return self._why(book, event)
            case c.Explain(rule):
                return self._explain(book, event, rule)
            case c.Budget():
                return self._budget(book, event)
            case _:  # pragma: no cover - the type checker proves that nothing is left
                assert_never(command)

    def _obey(self, book: DeliveryBook, event: e.Commented, command: c.Act, role: Role) -> Handled:
        later = self._overtaken_by()
        if later is not None:
            text = messages.overtaken(self.verb, later.command)
            return self._answer(book, event, text, f"/agent {later.command}, written later, was obeyed before it came")
        if isinstance(command, c.Fix | c.Plan):
            return self._start(book, event, command)
        if isinstance(command, c.Revise):
            return self._revise(book, event, command.text)
        latest = self._latest(event.subject)
        if latest is None:
            return self._answer(book, event, messages.no_run(self.verb), "no run")
        cause = _cause(event)
        run_book = self._book(latest.id, cause)
        if cause in run_book.run.causes:
            return self._outcome("repeated", "this comment was obeyed before", latest.id)
        match command:
            case c.Stop():
                return self._stop(book, event, run_book)
            case c.Retry():
                return self._retry(book, event, run_book)
            case c.Approve(digest):
                return self._approve(book, event, run_book, digest, role)
            case _:  # pragma: no cover - the type checker proves that nothing is left
                assert_never(command)

    def _overtaken_by(self) -> Handled | None:
        """Return how a later command was handled that this one, which came after it, must not undo."""
        for delivery in self.deps.jobs.overtakers("deliver", self.delivery.id):
            handled = DeliveryBook(self.deps.ledger, delivery).handled
            if handled is not None and handled.outcome in DECISIVE.get(handled.command, ()):
                return handled
        return None

    def _rows_on(self, subject: Subject) -> Sequence[RunRow]:
        issue, change = (subject.number, None) if subject.kind == "issue" else (None, subject.number)
        return self.deps.ledger.runs(repo=str(subject.repo), issue=issue, change=change, limit=MAX_RUNS_PER_ISSUE)

    def _runs_on(self, subject: Subject) -> list[Run]:
        """Return the runs of an issue or a change, the latest first."""
        return [fold(self.deps.ledger.read(row.run)) for row in self._rows_on(subject)]

    def _latest(self, subject: Subject) -> Run | None:
        rows = self._rows_on(subject)
        live = [row for row in rows if row.state not in ENDED]
        latest = next(iter([*live, *rows]), None)
        return fold(self.deps.ledger.read(latest.run)) if latest is not None else None

    def _start(self, book: DeliveryBook, event: e.Commented, command: c.Fix | c.Plan) -> Handled:
        subject = event.subject
        if subject.kind == "change":
            return self._answer(book, event, "Give this command on an issue; this is a change.", "not an issue")
        repo, number = subject.repo, subject.number
        deps, forge, cause = self.deps, self.deps.forge(repo), _cause(event)
        rows = deps.ledger.runs(repo=str(repo), issue=number, limit=MAX_RUNS_PER_ISSUE + 1)
        runs = [fold(deps.ledger.read(row.run)) for row in rows]
        if any(cause in run.causes for run in runs):
            return self._outcome("repeated", "this comment began a run before")
        live = next((run for run in runs if not run.terminal), None)
        if live is not None:
            return self._answer(book, event, messages.already(live), f"{live.id} is at work")
        if len(runs) >= MAX_RUNS_PER_ISSUE:
            return self._answer(book, event, "This issue has had 50 runs. Open a new one.", "too many runs")
        issue = forge.issue(repo, number)
        if issue.state != "open":
            return self._answer(book, event, "This issue is closed. Reopen it first.", "closed issue")
        base = forge.default_branch(repo)
        intent = Intent(
            kind="fix",
            repo=repo,
            issue=number,
            title=issue.title[:500],
            text=f"{issue.body}\n\n{command.text}"[:60_000],
            requester=event.by,
            base=base,
            base_sha=forge.head(repo, base),
            mode="approval" if isinstance(command, c.Plan) else "review",
            cause=self.delivery.id,
            comment=event.comment,
        )
        return self._begin(intent, run_id(repo, number, len(runs)), cause)

    def _revise(self, book: DeliveryBook, event: e.Commented, text: str) -> Handled:
        repo, cause = event.subject.repo, _cause(event)
        runs = self._runs_on(event.subject)
        if any(cause in run.causes for run in runs):
            return self._outcome("repeated", "this comment began a run before")
        if not text:
            return self._answer(book, event, messages.revise_what(), "no text")
        live = [run for run in runs if not run.terminal]
        at_work = next((run for run in live if run.intent.kind == "revise" or run.published is None), None)
        if at_work is not None:
            return self._answer(book, event, messages.already(at_work), f"{at_work.id} is at work")
        parent = next((run for run in live if run.published is not None), None)
        if parent is None or parent.published is None:
            return self._answer(book, event, messages.nothing_to_revise(), "no open change")
        issue, number = parent.intent.issue, parent.published.number
        count = len(self.deps.ledger.runs(repo=str(repo), issue=issue, limit=MAX_RUNS_PER_ISSUE + 1))
        if count >= MAX_RUNS_PER_ISSUE:
            return self._answer(book, event, "This issue has had 50 runs. Open a new one.", "too many runs")
        change = self.deps.forge(repo).change(repo, number)
        if change.state != "open":
            return self._answer(book, event, messages.nothing_to_revise(), f"the change is {change.state}")
        intent = replace(
            parent.intent,
            kind="revise",
            text=f"{text}\n\n{parent.intent.text}"[:60_000],
            requester=event.by,
            base=change.branch,
            base_sha=change.head_sha,
            mode="review",
            cause=self.delivery.id,
            comment=event.comment,
            change=number,
            target=change.base,
        )
        return self._begin(intent, run_id(repo, issue, count), cause)

    def _begin(self, intent: Intent, run: str, cause: str) -> Handled:
        job, now = Job("advance", run), self.deps.time.now()
        later = Job("reconcile", str(intent.repo), due=now + self.deps.reconcile_seconds)
        row = row_of(Run(run, 1, intent), 1, now)
        try:
            self.deps.ledger.append(run, [Requested(intent)], expect=0, cause=cause, jobs=[job, later], row=row)
        except Conflict:
            raise Unavailable("another command on this issue came first; looking again", retry_after=1) from None
        self.wished.append(job)
        return self._outcome("started", f"{intent.kind} of {intent.subject.mark}", run)

    def _stop(self, book: DeliveryBook, event: e.Commented, run_book: RunBook) -> Handled:
        if run_book.run.terminal:
            return self._answer(book, event, messages.headline(run_book.run), "it has ended already")
        return self._decide(run_book, Stopped(event.by), f"stopped by {event.by}")

    def _retry(self, book: DeliveryBook, event: e.Commented, run_book: RunBook) -> Handled:
        run = run_book.run
        if run.merged is not None and run.issue_closed:
            return self._answer(book, event, messages.headline(run), "it is done")
        if not run.terminal and run.published is None:
            return self._answer(book, event, messages.already(run), "it is at work")
        return self._decide(run_book, Retried(event.by), f"retry by {event.by}")

    def _approve(self, book: DeliveryBook, event: e.Commented, run_book: RunBook, digest: str, role: Role) -> Handled:
        run = run_book.run
        if run.state != "planned" or run.planned is None:
            text = f"No plan waits for approval. {messages.headline(run)}"
            return self._answer(book, event, text, "nothing to approve")
        known = run.planned.digest
        if len(digest) < 8 or not known.startswith(digest):
            text = f"Name the plan that you approve: `/agent approve {known[:12]}`."
            return self._answer(book, event, text, "another digest")
        return self._decide(run_book, PlanApproved(known, event.by, role), f"plan approved by {event.by}")

    def _decide(self, run_book: RunBook, fact: Stopped | Retried | PlanApproved, reason: str) -> Handled:
        try:
            run_book.write(fact)
        except Conflict:
            raise Unavailable("the run moved meanwhile; looking again", retry_after=1) from None
        self.wished += run_book.wished
        return self._outcome("moved", reason, run_book.run.id)

    def _why(self, book: DeliveryBook, event: e.Commented) -> Handled:
        run = self._latest(event.subject)
        if run is None:
            return self._answer(book, event, messages.no_run("tell"), "no run")
        self._say(book, event, why(run, self.deps.ledger.read(run.id)))
        return self._outcome("answered", "why", run.id)

    def _explain(self, book: DeliveryBook, event: e.Commented, rule: str) -> Handled:
        run, repo = self._latest(event.subject), event.subject.repo
        forge = self.deps.forge(repo)
        base = run.published.base if run is not None and run.published is not None else forge.default_branch(repo)
        try:
            policy = policy_of(self.deps, repo, forge.head(repo, base))
        except PolicyError as error:
            return self._answer(book, event, messages.no_policy(str(error)), "the policy cannot be read")
        judged = run.judged if run is not None else None
        text = answers.rule(rule, policy, judged) if rule else answers.rules(policy, judged)
        self._say(book, event, text)
        return self._outcome("answered", "explained", run.id if run is not None else None)

    def _budget(self, book: DeliveryBook, event: e.Commented) -> Handled:
        run = self._latest(event.subject)
        if run is None:
            return self._answer(book, event, messages.no_run("tell"), "no run")
        rows = self.deps.ledger.runs(repo=str(event.subject.repo), issue=run.intent.issue, limit=MAX_RUNS_PER_ISSUE)
        self._say(book, event, answers.budget(run, len(rows), MAX_RUNS_PER_ISSUE, MAX_ATTEMPTS))
        return self._outcome("answered", "budget", run.id)

    # --- what is said
    def _answer(self, book: DeliveryBook, event: e.Commented, text: str, reason: str) -> Handled:
        self._say(book, event, text)
        return self._outcome("answered", reason)

    def _say(self, book: DeliveryBook, event: e.Commented, text: str) -> None:
        forge, topic = self.deps.forge(event.subject.repo), self.topic
        effect = Effect(f"comment:{topic}", "comment", str(event.subject))
        self._perform(book, effect, lambda: forge.ensure_comment(event.subject, topic, text))

    def _react(self, book: DeliveryBook, event: e.Commented) -> None:
        forge = self.deps.forge(event.subject.repo)
        effect = Effect(f"react:{event.comment}", "react", str(event.subject))
        self._perform(book, effect, lambda: forge.react(event.subject, event.comment, "eyes"))

    def _perform(self, book: DeliveryBook, effect: Effect, do: Callable[[], object]) -> None:
        """Say something; a refusal (a locked issue, a deleted comment) is recorded and stops nothing else."""
        try:
            self.performer.perform(book, effect, do)
        except Unavailable:
            raise
        except ForgeError:
            return


def _cause(event: e.Commented) -> str:
    return f"{event.subject.repo}:comment:{event.comment}"
