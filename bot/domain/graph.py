"""A task graph: pieces of agent work and what each needs first."""

from collections.abc import Iterable
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Literal


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of agent work.

    `solver` says who does it: `repair` is the deterministic engine, `agent` the model's loop. `seconds` bounds it.
    `instead_of` names a task that this one replaces when that one failed.
    """

    id: str
    title: str
    solver: Literal["repair", "agent"]
    seconds: float
    needs: tuple[str, ...] = ()
    instead_of: str | None = None


@dataclass(frozen=True, slots=True)
class TaskGraph:
    """A directed acyclic graph of tasks, in an order in which they may run."""

    tasks: tuple[Task, ...]

    def __post_init__(self) -> None:
        ids = [task.id for task in self.tasks]
        if len(set(ids)) != len(ids):
            raise ValueError("two tasks have the same id")
        before = {task.id: {*task.needs, *([task.instead_of] if task.instead_of else [])} for task in self.tasks}
        for task, wanted in before.items():
            if wanted - set(ids):
                raise ValueError(f"task {task} needs {sorted(wanted - set(ids))}, which the graph does not have")
        try:
            TopologicalSorter(before).prepare()
        except CycleError as error:
            raise ValueError("the tasks wait for each other in a circle") from error

    def get(self, task_id: str) -> Task:
        """Return the task with this id; raises KeyError when there is none."""
        for task in self.tasks:
            if task.id == task_id:
                return task
        raise KeyError(task_id)

    def ready(self, done: Iterable[str], failed: Iterable[str]) -> tuple[Task, ...]:
        """Return the tasks that may start now.

        A task is ready when it is neither done nor failed, all that it needs is done, and, where it stands in for
        another task, that one has failed.
        """
        finished, lost = set(done), set(failed)
        return tuple(
            task
            for task in self.tasks
            if task.id not in finished | lost
            and set(task.needs) <= finished
            and (task.instead_of is None or task.instead_of in lost)
        )
