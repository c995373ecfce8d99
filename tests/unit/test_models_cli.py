"""`journeyman model-server` as a process."""

import signal
import subprocess
import sys
import urllib.request
from contextlib import closing
from pathlib import Path

RUN = "import typer; from workers.cli.model_server import model_server; typer.run(model_server)"


def test_it_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text("- say: hello\n")
    command = [sys.executable, "-c", RUN, "--script", str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with closing(urllib.request.urlopen(f"{url}/health", timeout=10)) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_a_script_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text("- sing: la\n")
    done = subprocess.run(
        [sys.executable, "-m", "bot.cli", "model-server", "--script", str(script)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 78
    assert "turn 1" in done.stderr
    assert "Traceback" not in done.stderr
