"""Another Python than the one that runs the tests, as people have for their own repositories."""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from bot.domain.errors import SandboxUnavailable
from workers.sandbox.bubblewrap import BubblewrapSandbox

NEEDED = ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "coverage", "pygments")


def other_python(home: Path) -> Path:
    """Make an interpreter with what the sandbox needs, and with the module `only_here`; skips where it cannot be."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True, timeout=60)
    ours, theirs = Path(sysconfig.get_path("purelib")), next(home.glob("lib/python*/site-packages"))
    for name in NEEDED:
        if not (ours / name).is_dir():
            pytest.skip(f"{name} is no package in {ours}")
        shutil.copytree(ours / name, theirs / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ours / "py.py", theirs)
    (theirs / "only_here.py").write_text("")
    try:
        BubblewrapSandbox(python=str(home / "bin/python")).check()
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    return home / "bin/python"
