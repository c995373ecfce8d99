"""Rules of the house that no linter knows."""

import re
from pathlib import Path

import pytest

from bot.config import Settings, variable

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*ROOT.glob("bot/**/*.py"), *ROOT.glob("workers/**/*.py")])


def test_only_the_settings_read_the_environment() -> None:
    # The next two hand it on to processes; the others are programs that run inside the sandbox.
    allowed = {"bot/config.py", "workers/demo/stage.py", "workers/cli/up.py", "workers/sandbox/intake.py"}
    reading = {str(path.relative_to(ROOT)) for path in SOURCES if re.search(r"os\.environ|getenv\(", path.read_text())}
    assert {path for path in reading if not path.startswith("workers/engines/repair/inside/")} <= allowed


def test_only_the_gate_makes_permits() -> None:
    making = {str(path.relative_to(ROOT)) for path in SOURCES if re.search(r"\bPermit\(", path.read_text())}
    assert making == {"bot/policy/gate.py"}


def test_the_words_of_one_forge_stay_in_its_rooms() -> None:
    rooms = ("bot/forges/", "bot/devforge/", "workers/demo/")
    speaking = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if not str(path.relative_to(ROOT)).startswith(rooms)
        and re.search(r"\bpull[ _]?requests?\b|\bmerge[ ]requests?\b", path.read_text(), re.IGNORECASE)
    ]
    assert speaking == ["bot/domain/change.py"]  # whose docstring says what a change is


def test_what_one_forge_calls_its_bots_and_addresses_is_known_to_its_adapter_alone() -> None:
    rooms = ("bot/forges/", "bot/devforge/", "workers/demo/")
    places = [path for path in SOURCES if not str(path.relative_to(ROOT)).startswith(rooms)]
    knowing = [str(path.relative_to(ROOT)) for path in places if re.search(r"\[bot\]\"\)|noreply\.", path.read_text())]
    assert not knowing


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    assert [name for name in Settings.model_fields if f"`{variable(name)}`" not in page] == []


@pytest.mark.parametrize("lock", ["run", "dev"])
def test_lock_files_hold_versions_and_hashes_only(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.lock").read_text()
    assert "://" not in text
    assert not re.search(r"^--(index|extra|find)", text, re.MULTILINE)
    names = re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE)
    assert len(names) > 50
    assert text.count("--hash=sha256:") >= len(names)
