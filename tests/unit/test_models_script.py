"""Scripts, and the scripted server as other clients see it: streams, lists, refusals."""

import base64
import gzip
import json
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bot.domain.errors import ConfigError
from bot.ports import Ask, Text, ToolSpec, Turn
from workers.models.encodings import ENCODINGS, fill
from workers.models.openai import ON_PREM, OpenAIModel
from workers.models.script import Cut, Hang, HttpError, Reply, ScriptCall, load, parse
from workers.models.scripted_server import ScriptedServer

READ = {"name": "files.read", "arguments": {"path": "a"}}
TOOL: Any = {"type": "function", "function": {"name": "files__read", "parameters": {"type": "object"}}}
ANTHROPIC_TOOL: Any = {"name": "files__read", "input_schema": {"type": "object"}}


def test_all_forms_of_a_turn() -> None:
    call = {"tool": "files.read", "args": {"path": "a"}}
    script = parse(
        [
            {"say": "hi", "calls": [READ]},
            {"call": call},
            {"raw_call": {"tool": "files.write", "args": {"parts": ['{"a": "', {"repeat": "x", "times": 3}, '"}']}}},
            {"say": "no", "stop_reason": "refusal"},
            {"cut_after": {"call": call, "bytes": 4}},
            {"http": {"status": 429, "retry_after": 3}},
            {"hang_seconds": 2},
        ]
    )
    wanted = ScriptCall("files.read", {"path": "a"})
    assert script.turns == (
        Reply("hi", (wanted,)),
        Reply(calls=(wanted,)),
        Reply(calls=(ScriptCall("files.write", {}, '{"a": "xxx"}'),)),
        Reply("no", stop="refusal"),
        Cut(Reply(calls=(wanted,)), 4),
        HttpError(429, 3.0),
        Hang(2.0),
    )


def test_faults_use_up_attempts_and_not_turns() -> None:
    script = parse([{"say": "a"}, {"http": {"status": 500}}, {"hang_seconds": 1}, {"say": "b"}])
    assert script.at(0, 0) == script.at(0, 5) == Reply("a")
    assert [type(script.at(1, attempt)) for attempt in range(4)] == [HttpError, Hang, Reply, Reply]
    end = script.at(2, 0)
    assert isinstance(end, Reply)
    assert [call.name for call in end.calls] == ["finish"]


def test_a_script_repeats_up_to_a_number_of_turns() -> None:
    script = parse({"turns": [{"say": "a"}, {"say": "b"}], "repeat": 5})
    said = [act.say for act in (script.at(position, 0) for position in range(6)) if isinstance(act, Reply)]
    assert said == ["a", "b", "a", "b", "a", ""]


def test_an_empty_script_ends_at_once() -> None:
    assert isinstance(parse([]).at(0, 0), Reply)


@pytest.mark.parametrize("value", [7, "text", None, [7], [{}], [{"sing": "la"}], [{"call": {}}], [{"http": {}}]])
def test_what_is_no_script_is_refused(value: Any) -> None:
    with pytest.raises(ConfigError):
        parse(value)


def test_files(tmp_path: Path) -> None:
    yaml, plain, broken = tmp_path / "a.yaml", tmp_path / "a.json", tmp_path / "b.yaml"
    yaml.write_text("- say: hello\n- calls:\n  - {name: files.read, arguments: {path: a}}\n")
    plain.write_text(json.dumps([{"say": "hello"}, {"calls": [READ]}]))
    broken.write_text("- [}")
    assert load(yaml) == load(plain)
    with pytest.raises(ConfigError, match=r"b\.yaml"):
        load(broken)
    with pytest.raises(ConfigError, match=r"none\.yaml"):
        load(tmp_path / "none.yaml")


def test_the_openai_stream_holds_what_the_plain_answer_holds() -> None:
    import openai  # seconds, which other workers need not pay

    script = parse([{"say": "I look.", "calls": [READ, READ]}])
    with (
        ScriptedServer(script) as server,
        httpx2.Client(trust_env=False) as http,
        openai.OpenAI(api_key="k", base_url=f"{server.url}/v1", http_client=http, max_retries=0) as client,
    ):
        text, arguments, stop, usage = "", {0: "", 1: ""}, None, None
        messages: Any = [{"role": "user", "content": "go"}]
        with client.chat.completions.create(model="m", messages=messages, tools=[TOOL], stream=True) as stream:
            for chunk in stream:
                usage = chunk.usage or usage
                for choice in chunk.choices:
                    text += choice.delta.content or ""
                    stop = choice.finish_reason or stop
                    for call in choice.delta.tool_calls or ():
                        assert call.function is not None
                        arguments[call.index] += call.function.arguments or ""
    assert (text, arguments, stop) == ("I look.", {0: '{"path": "a"}', 1: '{"path": "a"}'}, "tool_calls")
    assert usage is not None


def test_the_anthropic_stream_holds_what_the_plain_answer_holds() -> None:
    import anthropic  # seconds, which other workers need not pay

    script = parse([{"say": "I look.", "calls": [READ]}])
    with (
        ScriptedServer(script) as server,
        httpx2.Client(trust_env=False) as http,
        anthropic.Anthropic(api_key="k", base_url=server.url, http_client=http, max_retries=0) as client,
    ):
        messages: Any = [{"role": "user", "content": "go"}]
        with client.messages.stream(model="m", max_tokens=9, messages=messages, tools=[ANTHROPIC_TOOL]) as stream:
            message = stream.get_final_message()
    assert message.stop_reason == "tool_use"
    assert [block.type for block in message.content] == ["text", "tool_use"]
    assert message.content[1].to_dict()["input"] == {"path": "a"}


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
def test_a_cut_stream_ends_before_its_end(wire: str) -> None:
    script = parse([{"cut_after": {"call": {"tool": "files.read", "args": {"path": "a" * 50}}, "bytes": 20}}])
    with ScriptedServer(script) as server, httpx2.Client(trust_env=False) as http:
        path = "/v1/chat/completions" if wire == "openai" else "/v1/messages"
        body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "go"}], "stream": True}
        seen: list[bytes] = []
        with http.stream("POST", server.url + path, json=body) as response, pytest.raises(httpx2.RemoteProtocolError):
            seen.extend(response.iter_bytes())
    text = b"".join(seen)
    assert b"path" in text
    assert b"[DONE]" not in text
    assert b"message_stop" not in text


def test_lists_and_health() -> None:
    with ScriptedServer(parse([])) as server:
        with closing(urllib.request.urlopen(f"{server.url}/health")) as answer:
            assert answer.status == 200
        with closing(urllib.request.urlopen(f"{server.url}/v1/models")) as answer:
            assert json.load(answer)["data"][0]["id"] == "scripted"
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{server.url}/nothing")
        with caught.value as error:
            assert error.code == 404


CALL: Any = {"id": "1", "type": "function", "function": {"name": "a.b", "arguments": "{}"}}
USE: Any = {"type": "tool_use", "id": "1", "name": "a", "input": {}}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {}),
        ("/v1/chat/completions", {"model": "m", "messages": [{"role": "assistant", "tool_calls": [CALL]}]}),
        ("/v1/chat/completions", {"model": "m", "messages": [{"role": "tool", "tool_call_id": "1", "content": ""}]}),
        ("/v1/messages", {"model": "m", "messages": [{"role": "user", "content": "no max_tokens"}]}),
        ("/v1/messages", {"model": "m", "max_tokens": 1, "messages": [{"role": "assistant", "content": "x"}]}),
        (
            "/v1/messages",
            {
                "model": "m",
                "max_tokens": 1,
                "messages": [
                    {"role": "user", "content": "x"},
                    {"role": "assistant", "content": [USE]},
                    {"role": "user", "content": "no result"},
                ],
            },
        ),
    ],
)
def test_unlawful_requests_are_refused_as_the_real_servers_do(path: str, body: Any) -> None:
    with ScriptedServer(parse([{"say": "x"}])) as server, httpx2.Client(trust_env=False) as http:
        answer = http.post(server.url + path, json=body)
    assert answer.status_code == 400
    assert "invalid request" in answer.json()["error"]["message"]


def test_credentials_are_not_recorded() -> None:
    with ScriptedServer(parse([{"say": "x"}]), api_key="secret-key") as server:
        model = OpenAIModel("m", api_key="secret-key", base_url=f"{server.url}/v1")
        model.ask(Ask("s", (Turn("user", (Text("go"),)),)), deadline=5)
        model.close()
        assert server.requests[0].status == 200
        assert "secret-key" not in repr(server.requests)


def test_a_model_without_a_tool_parser_writes_its_calls_as_text() -> None:
    said = '<think>I should read.</think>\n```json\n{"name": "files.read", "arguments": {"path": "a"}}\n```'
    ask = Ask("s", (Turn("user", (Text("go"),)),), (ToolSpec("files.read", "Read.", {"type": "object"}),))
    with ScriptedServer(parse([{"say": said}])) as server:
        model = OpenAIModel("m", api_key="", base_url=f"{server.url}/v1", quirks=ON_PREM)
        answer = model.ask(ask, deadline=5)
        model.close()
        assert "max_tokens" in server.requests[0].body
    assert answer.stop == "tool"
    assert [getattr(part, "arguments", None) for part in answer.turn.parts] == [{"path": "a"}]


def test_the_output_comes_in_disguises() -> None:
    text = "secret-value"
    shown = {name: fill("<${OUTPUT:" + name + "}>", text)[1:-1] for name in ENCODINGS}
    assert shown["skip7"] == "value"
    assert shown["reversed"] == "eulav-terces"
    assert base64.b64decode(shown["base64"]).decode() == text
    assert gzip.decompress(base64.b64decode(shown["gzip"])).decode() == text
    assert text not in "".join(shown.values())
    assert fill({"a": ["${OUTPUT}", 1]}, text) == {"a": [text, 1]}
    assert fill("${OUTPUT:nothing} ${IFS}", text) == "${OUTPUT:nothing} ${IFS}"
