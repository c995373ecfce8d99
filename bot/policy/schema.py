"""The published JSON schema of the policy language. `python -m bot.policy.schema` writes policies/schema.json anew."""

import json
from pathlib import Path

from bot.policy.model import Policy

FILE = Path(__file__).parents[2] / "policies" / "schema.json"


def text() -> str:
    """Return the schema as the file holds it."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A policy of Journeyman",
        **{key: value for key, value in Policy.model_json_schema().items() if key != "title"},
    }
    return json.dumps(schema, indent=2) + "\n"


def write(file: Path = FILE) -> None:
    """Write the published file anew."""
    file.write_text(text(), encoding="utf-8")


if __name__ == "__main__":  # pragma: no cover - `write` is what is tested
    write()
