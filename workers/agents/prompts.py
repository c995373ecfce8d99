"""The prompts of an agent: what the developer's role is, and the task with its untrusted text in data sections."""

from collections.abc import Sequence
from importlib.resources import files

from bot.domain.intent import Intent
from workers.agents.untrusted import Section, framed, harmless

TOTAL = 60_000
"""Characters that all data sections of one prompt may have together."""


def system_prompt() -> str:
    """Return the system prompt of the developer role. It holds no text of others."""
    return _read("developer.md")


def task_prompt(intent: Intent, sections: Sequence[Section], *, mark: str) -> str:
    """Return the user prompt for an intent: title, text and `sections` framed as data, within TOTAL characters.

    Later sections give way first.
    """
    room = TOTAL
    shown: list[str] = []
    for section in (Section("issue title", intent.title, 500), Section("issue text", intent.text), *sections):
        if not section.text.strip() or room <= 0:
            continue
        fitted = Section(section.label, section.text, min(section.limit, room))
        room -= min(len(section.text), fitted.limit)
        shown.append(framed(fitted, mark))
    return _read("task.md").format(
        issue=intent.issue,
        # These are names that the forge holds to its rules, but people chose them.
        repo=_name(intent.repo.name),
        base=_name(intent.base),
        sections="\n\n".join(shown),
        mark=mark,
    )


def _name(text: str) -> str:
    return "".join(char if char.isalnum() or char in "._/-" else "?" for char in harmless(text))[:200]


def _read(name: str) -> str:
    return (files("workers.agents") / "prompts" / name).read_text(encoding="utf-8").strip() + "\n"
