"""The images: one for each zone, none runs as root, and the receiver's holds no code of the workers."""

import re
from pathlib import Path

DOCKERFILE = Path(__file__).parents[2] / "docker" / "Dockerfile"


def stages() -> dict[str, list[str]]:
    """Return the instructions of each stage, in order."""
    text = re.sub(r"\\\n\s*", " ", DOCKERFILE.read_text(encoding="utf-8"))
    found: dict[str, list[str]] = {}
    name = ""
    for line in (line.strip() for line in text.splitlines()):
        if line.startswith("FROM "):
            name = line.rpartition(" AS ")[2]
        if name and line and not line.startswith("#"):
            found.setdefault(name, []).append(line)
    return found


def test_every_image_ends_as_an_ordinary_user_with_one_command() -> None:
    found = stages()
    assert set(found) == {"wheels", "base", "web", "broker", "agent"}
    assert any(line == 'ENTRYPOINT ["journeyman"]' for line in found["base"])
    for zone, command in {"web": '["web",', "broker": '["worker", "--zone", "broker"]', "agent": '["worker",'}.items():
        users = [line for line in found[zone] if line.startswith("USER ")]
        assert users[-1] == "USER 10001:10001"
        assert found[zone][-1].startswith(f"CMD {command}")


def test_what_is_installed_is_what_the_lock_names() -> None:
    installs = [line for lines in stages().values() for line in lines if "pip install" in line or "pip wheel" in line]
    assert installs
    assert all("--no-index" in line or "--require-hashes" in line for line in installs)


def test_the_receiver_has_no_workers() -> None:
    assert any("shutil.rmtree" in line and "workers" in line for line in stages()["web"])
