"""Execute one task of a run in the agent zone: workspace, engine or agent, proof, patch, facts."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from bot.domain import facts as f
from bot.domain.errors import Conflict, JourneymanError, LeaseLost, LedgerError, SandboxUnavailable, Unavailable
from bot.domain.graph import Task
from bot.domain.run import MAX_ATTEMPTS, Run
from bot.ports import Artifacts, Job, Ledger, Memo, Sandbox, Time
from bot.services.books import RunBook
from workers.agents.planner import TemplatePlanner
from workers.models.router import ModelSettings, candidates_from
from workers.sandbox.workspace import PathRefused
from workers.solvers import AgentSolver, RepairSolver, Solved, Solver, Unsolved


class NotWanted(Exception):
    """The task was stopped, or is done by somebody else: a way out of any depth, no error."""


@dataclass(frozen=True, slots=True)
class Executor:
    """Everything that a task needs; `seconds` bounds one task."""

    ledger: Ledger
    artifacts: Artifacts
    memo: Memo
    time: Time
    sandbox: Sandbox
    models: ModelSettings
    engines: bool
    seconds: float
    planner: TemplatePlanner = field(default_factory=TemplatePlanner)

    def execute(self, run: str, task: str, renew: Callable[[], None]) -> Sequence[Job]:
        """Draft the plan (`plan/GENERATION`) or execute a task (`TASK/GENERATION`); returns jobs to send.

        Nothing happens when the run has moved on: the task is done, the run is stopped or begun anew. The work looks
        for that every now and then and ends, also when `renew` (the job's lease) raises LeaseLost.
        """
        name, generation = _split(task)
        book = RunBook(self.ledger, self.time, run, cause=f"execute:{task}")
        if book.run.terminal or book.run.generation != generation:
            return ()
        if name == "plan":
            self._plan(book)
        else:
            self._task(book, name, generation, renew)
        return book.wished

    def bury(self, run: str, task: str, reason: str) -> Sequence[Job]:
        """Record that a task failed again and again."""
        name, generation = _split(task)
        book = RunBook(self.ledger, self.time, run, cause=f"execute:{task}")
        if _is_open(book.run, name, generation):
            self._end(book, generation, f.TaskFailed(name, book.run.attempts.get(name, 0), "internal", reason[:1000]))
        return book.wished

    def _plan(self, book: RunBook) -> None:
        run = book.run
        if run.draft is not None or run.source is None:
            return
        model = bool(candidates_from(self.models))
        try:
            plan = self.planner.plan(
                run.id,
                run.intent,
                base_sha=run.source.base_sha,
                engines=self.engines,
                model=model,
                seconds=self.seconds,
            )
        except JourneymanError as error:
            book.write(f.TaskFailed("plan", 1, "no_solver", str(error)))
            return
        book.write(f.PlanDrafted(plan))

    def _task(self, book: RunBook, name: str, generation: int, renew: Callable[[], None]) -> None:
        run = book.run
        if not _is_open(run, name, generation) or run.source is None or run.planned is None:
            return
        task = run.planned.plan.graph.get(name)
        attempt = run.attempts.get(name, 0) + 1
        if attempt > MAX_ATTEMPTS:
            crashed = f"it was begun {MAX_ATTEMPTS} times and the worker ended each time before it was done"
            self._end(book, generation, f.TaskFailed(name, attempt - 1, "crashed", crashed))
            return
        book.write(f.TaskStarted(name, attempt))

        def still_mine() -> None:
            renew()
            if not _is_open(book.reload(), name, generation):
                raise NotWanted

        with suppress(NotWanted):
            self._end(book, generation, self._solve(book, task, attempt, still_mine))

    def _end(self, book: RunBook, generation: int, outcome: f.TaskDone | f.TaskFailed) -> None:
        """Write a task's outcome whatever else happened, unless the task is no longer open."""
        for _ in range(20):
            book.reload()
            if not _is_open(book.run, outcome.task, generation):
                return None
            try:
                return book.write(outcome)
            except Conflict:
                continue
        raise Conflict(f"{book.run.id}: lost 20 races in a row")

    def _solve(
        self, book: RunBook, task: Task, attempt: int, still_mine: Callable[[], None]
    ) -> f.TaskDone | f.TaskFailed:
        """Solve a task; a failure of ours is an outcome too, unless another attempt or another worker can mend it."""
        assert book.run.source is not None
        try:
            tar = self.artifacts.get(book.run.source.digest)
            solved = self._solver(book, task).solve(tar, book.run.intent, task, still_mine)
            if isinstance(solved, Solved):
                return f.TaskDone(task.id, attempt, self.artifacts.put(solved.patch), solved.evidence)
        except PathRefused as error:
            solved = Unsolved("source_refused", f"the repository cannot be put into a workspace: {error}")
        except (LedgerError, LeaseLost, Unavailable):
            raise
        except SandboxUnavailable as error:
            solved = Unsolved("sandbox", f"no sandbox: {error}")
        except (JourneymanError, OSError) as error:
            solved = Unsolved("internal", f"{type(error).__name__}: {error}")
        return f.TaskFailed(task.id, attempt, solved.code, solved.reason[:4000])

    def _solver(self, book: RunBook, task: Task) -> Solver:
        match task.solver:
            case "repair":
                return RepairSolver(self.sandbox)
            case "agent":
                scope = f"{book.run.id}/{task.id}/{book.run.generation}"
                assert book.run.planned is not None
                models, protected = candidates_from(self.models), book.run.planned.protected
                return AgentSolver(self.sandbox, models, self.memo, scope, _recorder(book), protected)


def _recorder(book: RunBook) -> Callable[[f.Fact], None]:
    """Return how a solver writes facts: an agent that starts again is refused the same again, which is said once."""

    def record(fact: f.Fact) -> None:
        if not (isinstance(fact, f.ToolRefused) and fact in book.run.refused_tools):
            book.record(fact)

    return record


def _is_open(run: Run, name: str, generation: int) -> bool:
    if run.terminal or run.generation != generation:
        return False
    return run.draft is None if name == "plan" else name not in run.done and name not in run.lost


def _split(task: str) -> tuple[str, int]:
    name, _, generation = task.rpartition("/")
    return name, int(generation)
