"""The script in docs/models.md is one that works."""

import re
from pathlib import Path

from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from workers.models.script import Reply, parse
from workers.tools.registry import TOOLS

DOCS = Path(__file__).parents[2] / "docs" / "models.md"


def test_the_documented_script_fits_the_tools() -> None:
    block = re.search(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert block
    script = parse(YAML(typ="safe", pure=True).load(block[1]))
    calls = [call for act in script.turns if isinstance(act, Reply) for call in act.calls]
    schemas = {tool.name: tool.schema for tool in TOOLS}
    assert len(calls) == 4
    for call in calls:
        assert not list(Draft202012Validator(schemas[call.name]).iter_errors(call.arguments)), call


def test_the_documented_settings_exist() -> None:
    settings = (DOCS.parents[1] / "bot" / "config.py").read_text(encoding="utf-8")
    for name in ("model_url", "model_api", "model", "model_api_key", "openai_api_key", "anthropic_api_key"):
        assert re.search(rf"^    {name}: ", settings, re.MULTILINE), name
