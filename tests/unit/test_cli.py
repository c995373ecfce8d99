"""The command line's own promises: one line on standard error, one document with --json, and the exit code."""

import json
import sys
from pathlib import Path

import pytest

from bot.cli import main


@pytest.mark.parametrize(
    ("arguments", "settings", "code", "error"),
    [
        (["repair", "/nowhere"], {}, 2, "there is no /nowhere: give the directory that holds the code and its tests"),
        (["repair"], {}, 2, "Missing argument 'PATH'."),
        (["repair", "."], {}, 4, "no bubblewrap works here."),
        (["demo", "--nonsense"], {}, 2, "No such option: --nonsense"),
        (["demo", "--issue", "x"], {}, 2, "Invalid value for --issue: goes with --repo"),
        (["demo", "--repo", "/nowhere", "--issue", "x"], {}, 2, "Invalid value for --repo: there is no directory"),
        (["demo"], {}, 1, "no bubblewrap works here."),
        (["doctor"], {"JOURNEYMAN_LEASE_SECONDS": "soon"}, 78, "JOURNEYMAN_LEASE_SECONDS: "),
        (["runs", "list"], {}, 78, "there is no database at "),
        (["audit", "verify", "/nowhere"], {}, 2, "/nowhere cannot be read: No such file or directory"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_that_cannot_work_answers_programs_with_one_document(
    arguments: list[str],
    settings: dict[str, str],
    code: int,
    error: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    own = {"JOURNEYMAN_DATA_DIR": str(tmp_path / "data"), "JOURNEYMAN_SANDBOX_PYTHON": "/nowhere"}
    for name, value in {**own, **settings}.items():
        monkeypatch.setenv(name, value)
    for flags in ([], ["--json"]):
        monkeypatch.setattr(sys, "argv", ["journeyman", *arguments, *flags])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert ended.value.code == code
        assert error in err
        if not flags:
            assert out == ""
            continue
        told = json.loads(out)
        assert (told["status"], told["code"], told["error"][: len(error)]) == ("failed", code, error)
        assert "\n" not in told["error"]
