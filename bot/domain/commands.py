"""`/agent ...` commands: parsed once into a closed union.

A command counts only as the first line of a comment, outside quotes and code. One line, one command; what follows on
later lines is free text for the commands that take text.
"""

import difflib
from dataclasses import dataclass
from unicodedata import category

VERBS = ("fix", "plan", "approve", "revise", "stop", "retry", "why", "explain", "budget", "help")
PREFIX = "/agent"


@dataclass(frozen=True, slots=True)
class Fix:
    """Do the work for this issue; `text` narrows it."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Make a plan and wait for its approval."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Approve:
    """Approve the plan with this digest (or its first 8 or more characters)."""

    digest: str = ""


@dataclass(frozen=True, slots=True)
class Revise:
    """Put one more commit on the open change, so that it is as `text` says."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop the run of this issue or change."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Try the stopped or failed run again."""


@dataclass(frozen=True, slots=True)
class Why:
    """Tell the story of the run."""


@dataclass(frozen=True, slots=True)
class Explain:
    """Say what the policy's rule of this name asks for, and how it stands; with no name, of all rules."""

    rule: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """Say what the run has used, and how much more it may."""


@dataclass(frozen=True, slots=True)
class Help:
    """List the commands."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A line that starts with `/agent` but names no command; `nearest` is a suggestion or empty."""

    word: str
    nearest: str = ""


Act = Fix | Plan | Approve | Revise | Stop | Retry
"""What takes write access: it moves something."""

Ask = Why | Explain | Budget | Help | Unknown
"""What anybody may ask: it is answered, and nothing moves."""

Command = Act | Ask


def parse(comment: str) -> Command | None:
    """Read the command of a comment; None when it has none.

    Only the very first line counts, and it must begin with `/agent` followed by a space or the line's end, so a quote
    (`>`), a code block, an indented line or a mention in running text is never a command. Case does not matter, nor do
    characters that show nothing (Unicode's format characters) within the verb.
    """
    first, _, rest = comment.replace("\r\n", "\n").partition("\n")
    words = first.split()
    if first[:1] != PREFIX[0] or words[0].lower() != PREFIX:
        return None
    word = "".join(char for char in "".join(words[1:2]).lower() if category(char) != "Cf")
    if not word:
        return Help()
    line = first.split(None, 2)[2].strip() if len(words) > 2 else ""
    text = "\n".join(part for part in (line, rest.strip()) if part)
    match word:
        case "fix":
            return Fix(text)
        case "plan":
            return Plan(text)
        case "approve":
            return Approve(line.split()[0].lower() if line else "")
        case "revise":
            return Revise(text)
        case "stop":
            return Stop()
        case "retry":
            return Retry()
        case "why":
            return Why()
        case "explain":
            return Explain(line)
        case "budget":
            return Budget()
        case "help":
            return Help()
        case _:
            close = difflib.get_close_matches(word, VERBS, n=1, cutoff=0.5)
            return Unknown(word, close[0] if close else "")
