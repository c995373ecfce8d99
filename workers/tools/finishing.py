"""The tool that ends the work."""

from typing import Any

from workers.tools.contracts import Room, Tool, ToolOutcome, arguments, string


def _finish(room: Room, given: dict[str, Any]) -> ToolOutcome:  # noqa: ARG001 - every tool has this shape
    return ToolOutcome(given["summary"])


FINISH_TOOLS = (
    Tool(
        name="finish",
        description="End the work. Say what was wrong, what you changed and what you ran, or what stands in the way.",
        schema=arguments({"summary": string("Two or three sentences.", most=4000)}, "summary"),
        risk="read",
        idempotent=True,
        reversible=True,
        run=_finish,
        postconditions=("nothing changed", "the agent is asked no more"),
    ),
)
