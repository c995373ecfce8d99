"""Every model of the shared attack cases, over both wires: the loop always ends, in bounds, with a reason."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.ports import ToolCall, ToolResult, ToolSpec
from workers.agents.loop import AgentLoop, LoopLimits
from workers.models.anthropic import AnthropicModel
from workers.models.budget import Budget
from workers.models.gateway import Candidate, Gateway, Patience
from workers.models.openai import OpenAIModel
from workers.models.script import parse
from workers.models.scripted_server import ScriptedServer

CASES = Path(__file__).parents[2].parent / "shared" / "attacks" / "attacks.jsonl"
OFFERED = ("files.read", "files.search", "files.edit", "files.write", "shell.run", "tests.execute")


@dataclass(frozen=True)
class Told:
    content: str
    is_error: bool = False
    refused: bool = False
    code: str = ""


@dataclass
class Box:
    made: list[str] = field(default_factory=list)

    def specs(self) -> tuple[ToolSpec, ...]:
        return tuple(ToolSpec(name, name, {"type": "object"}) for name in OFFERED)

    def call(self, name: str, arguments: dict[str, Any], /) -> Told:
        self.made.append(name)
        return Told("ok") if name in OFFERED else Told(f"unknown_tool: {name}", True, True, "unknown_tool")


def variants() -> list[Any]:
    if not CASES.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason="the shared attack cases are not beside the project"))]
    rows = [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]
    return [
        pytest.param(given, id=f"{row['id']}-{number}")
        for row in rows
        if row["surface"] == "model"
        for number, given in enumerate(row["given"])
    ]


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
@pytest.mark.parametrize("given", variants())
def test_the_loop_ends_whatever_the_model_does(given: Any, wire: str) -> None:
    box, refused = Box(), []
    with ScriptedServer(parse(given)) as server:
        candidate: Candidate = (
            OpenAIModel("m", api_key="", base_url=f"{server.url}/v1")
            if wire == "openai"
            else AnthropicModel("m", api_key="", base_url=server.url)
        )
        gateway = Gateway([candidate], None, "s", Budget(), patience=Patience(3, 0.001, 0.002))
        limits = LoopLimits(max_turns=12, max_seconds=20, ask_seconds=0.6)
        result = AgentLoop(gateway, box, limits, on_refused=lambda tool, _: refused.append(tool)).run("Fix it.")
        gateway.close()
        bad = [request.status for request in server.requests if request.status == 400]
    assert result.code in ("finished", "turns", "time", "refusal", "model_error", "no_tool_use", "repeated")
    assert result.finished == (result.code == "finished")
    assert bad == []
    parts = [part for turn in result.transcript for part in turn.parts]
    calls = [part.id for part in parts if isinstance(part, ToolCall)]
    assert calls == [part.id for part in parts if isinstance(part, ToolResult)]
    assert set(refused) == {name for name in box.made if name not in OFFERED}
