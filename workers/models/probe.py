"""What `journeyman doctor` asks a model: does it answer, does it use tools, and does it fill them in?"""

from dataclasses import dataclass

from bot.ports import Ask, Text, ToolCall, ToolSpec, Turn
from workers.models.errors import CallFailed
from workers.models.gateway import Candidate

_WORD = "a7f3-journeyman"
_TOOL = ToolSpec(
    "probe.echo",
    "Say a word back.",
    {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"], "additionalProperties": False},
)


@dataclass(frozen=True, slots=True)
class Probe:
    """What was found. `tools` tells whether the model called the tool with the right word; `detail` is for people."""

    vendor: str
    model: str
    reachable: bool
    tools: bool
    detail: str


def probe(candidate: Candidate, *, deadline: float = 30.0) -> Probe:
    """Ask once, within `deadline` seconds, for a call that free text could not pass for. Costs a few hundred tokens."""
    question = f"Call the tool once, with the word {_WORD} and nothing else."
    ask = Ask("You answer with tool calls only.", (Turn("user", (Text(question),)),), (_TOOL,), 512, force_tool=True)
    try:
        answer = candidate.ask(ask, deadline=deadline)
    except CallFailed as failure:
        return Probe(candidate.vendor, candidate.model, reachable=False, tools=False, detail=str(failure))
    calls = [part for part in answer.turn.parts if isinstance(part, ToolCall)]
    right = any(call.name == _TOOL.name and call.arguments.get("word") == _WORD for call in calls)
    detail = (
        "answers and uses tools" if right else "answers but does not use tools as asked; agents cannot work with it"
    )
    return Probe(candidate.vendor, candidate.model, reachable=True, tools=right, detail=detail)
