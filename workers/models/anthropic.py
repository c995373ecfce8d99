"""The Anthropic Messages wire, through the real SDK."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx2

from bot.ports import Answer, Ask, Opaque, Part, Text, ToolCall, ToolResult, Turn
from workers.models.names import ToolNames
from workers.models.parsing import arguments, scrub
from workers.models.sdk import SdkModel
from workers.models.transcript import Stop, call_id, fit, position
from workers.models.wire import CUT_OFF, bounded_client, count, fields, shown_schema

if TYPE_CHECKING:
    import anthropic

BASE_URL = "https://api.anthropic.com"

_STOPS: dict[str, Stop] = {
    "end_turn": "end",
    "stop_sequence": "end",
    "tool_use": "tool",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
    "pause_turn": "other",
}


class AnthropicModel(SdkModel):
    """One model behind an Anthropic-compatible address."""

    @property
    def errors(self) -> type[Exception]:
        """What the SDK raises."""
        import anthropic  # takes seconds, and only a model that is asked needs it

        return anthropic.AnthropicError

    def __init__(
        self,
        model: str,
        *,
        api_key: str,
        base_url: str | None = None,
        vendor: str = "anthropic",
        http_client: httpx2.Client | None = None,
    ) -> None:
        super().__init__(vendor, model, api_key)
        # Others that speak this wire may not know prompt caching, and refuse what they do not know.
        self._cache = base_url is None
        self._base_url = base_url or BASE_URL
        self._http = http_client

    def close(self) -> None:
        """Close the connections."""
        if "_client" in vars(self):
            self._client.close()

    @cached_property
    def _client(self) -> "anthropic.Anthropic":
        # Made at the first question, so that naming a candidate costs nothing.
        import anthropic

        http = self._http or bounded_client()
        return anthropic.Anthropic(
            api_key=self._key or "none", base_url=self._base_url, max_retries=0, http_client=http
        )

    def _list(self, wait: httpx2.Timeout) -> httpx2.Response:
        return self._client.models.with_raw_response.list(timeout=wait).http_response

    def _send(self, body: dict[str, Any], wait: httpx2.Timeout) -> httpx2.Response:
        return self._client.messages.with_raw_response.create(**body, timeout=wait).http_response

    def _request(self, ask: Ask) -> tuple[dict[str, Any], ToolNames]:
        return request(ask, vendor=self.vendor, model=self.model, cache=self._cache)

    def _answer(self, ask: Ask, value: dict[str, Any], names: ToolNames) -> Answer:
        content = value.get("content")
        if not isinstance(content, list):
            raise self.broken("the answer holds no content")
        reason = str(value.get("stop_reason") or "")
        stop = _STOPS.get(reason, "other")
        blocks = [block for block in content if isinstance(block, dict)]
        parts = _parts(blocks, position(ask.turns), names, (self.vendor, self.model))
        if stop == "length":
            parts = _without_the_cut_call(parts)
        elif stop in ("end", "other", "tool"):
            called = any(isinstance(part, ToolCall) for part in parts)
            stop = "tool" if called else "end" if stop == "tool" else stop
        usage = fields(value, "usage")
        counted = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        return Answer(
            turn=Turn("assistant", tuple(parts)),
            stop=stop,
            vendor=self.vendor,
            model=self.model,
            input_tokens=sum(count(usage.get(name)) for name in counted),
            output_tokens=count(usage.get("output_tokens")),
            detail=_detail(value, reason) if stop in ("other", "refusal") else "",
        )


def request(ask: Ask, *, vendor: str, model: str, cache: bool) -> tuple[dict[str, Any], ToolNames]:
    """Return the body of a messages request, and the names used in it. Pure."""
    turns = fit(ask.turns, vendor=vendor, model=model)
    seen = [part.name for turn in turns for part in turn.parts if isinstance(part, ToolCall)]
    names = ToolNames([tool.name for tool in ask.tools], seen)
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": ask.max_tokens,
        "messages": [{"role": turn.role, "content": [_block(part, names) for part in turn.parts]} for turn in turns],
    }
    if ask.system:
        body["system"] = scrub(ask.system)
    if ask.tools:
        body["tools"] = [
            {
                "name": names.to_wire(tool.name),
                "description": scrub(tool.description),
                "input_schema": shown_schema(tool.schema),
            }
            for tool in ask.tools
        ]
        if ask.force_tool:
            body["tool_choice"] = {"type": "any"}
    if cache:
        body["cache_control"] = {"type": "ephemeral"}
    return body, names


def _block(part: Part, names: ToolNames) -> dict[str, Any]:
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case ToolCall():
            return {"type": "tool_use", "id": part.id, "name": names.to_wire(part.name), "input": part.arguments}
        case ToolResult():
            return {
                "type": "tool_result",
                "tool_use_id": part.id,
                "content": part.content,
                "is_error": part.is_error,
            }
        case Opaque():
            return part.data


def _parts(blocks: Sequence[dict[str, Any]], number: int, names: ToolNames, owner: tuple[str, str]) -> list[Part]:
    parts: list[Part] = []
    calls = 0
    for block in blocks:
        match block.get("type"):
            case "text":
                parts.append(Text(scrub(str(block.get("text") or ""))))
            case "tool_use":
                given, problem = arguments(block.get("input"), lenient=False)
                name = names.from_wire(scrub(str(block.get("name") or "")))
                parts.append(ToolCall(call_id(number, calls), name, given, problem))
                calls += 1
            case _:
                parts.append(Opaque(*owner, block))
    return parts


def _without_the_cut_call(parts: list[Part]) -> list[Part]:
    # This wire completes the JSON of a call that the token limit cut, so the call looks whole and is not.
    if parts and isinstance(last := parts[-1], ToolCall):
        return [*parts[:-1], ToolCall(last.id, last.name, {}, last.error or CUT_OFF)]
    return parts


def _detail(value: dict[str, Any], reason: str) -> str:
    details = value.get("stop_details")
    told = details.get("explanation") or details.get("category") if isinstance(details, dict) else None
    return str(told or f"stop_reason {reason!r}")[:300]
