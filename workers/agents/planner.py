"""Plans without a model: the repair engine first, the agent where the engine fails."""

from bot.domain.actions import Action, ActionPlan
from bot.domain.errors import ConfigError
from bot.domain.graph import Task, TaskGraph
from bot.domain.intent import Intent


class TemplatePlanner:
    """Makes the same plan for the same intent and settings. Pure."""

    def plan(
        self, run: str, intent: Intent, *, base_sha: str, engines: bool, model: bool, seconds: float
    ) -> ActionPlan:
        """Return the plan for a fix; `seconds` bounds each task.

        `engines` and `model` tell what may be used; with neither it raises ConfigError.
        """
        tasks: list[Task] = []
        if engines:
            tasks.append(Task("repair", "Find a small repair that makes the failing tests pass", "repair", seconds))
        if model:
            instead_of = "repair" if engines else None
            tasks.append(Task("agent", "Let an agent work on the issue", "agent", seconds, instead_of=instead_of))
        if not tasks:
            raise ConfigError(
                "Nobody is there to do the work: the engines are off and no model is configured. Set JOURNEYMAN_ENGINES"
                " to true, or JOURNEYMAN_MODEL_URL, OPENAI_API_KEY or ANTHROPIC_API_KEY."
            )
        return ActionPlan(run, base_sha, TaskGraph(tuple(tasks)), _actions(intent))


def _actions(intent: Intent) -> tuple[Action, ...]:
    issue = f"{intent.repo}#{intent.issue}"
    branch = f"{intent.repo}@{intent.base}"
    return (
        Action("open_change", branch),
        Action("comment", issue),
        Action("set_status", f"{intent.repo}"),
        Action("merge", branch),
        Action("close_issue", issue),
    )
