"""The commands as processes: what they need, what they refuse, and how they end."""

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.scenarios.conftest import SECONDS, name_of
from tests.world import CALC, Town
from workers.demo.stage import BOT, Stage
from workers.supervisor import free_port

pytestmark = pytest.mark.timeout(400)
SECRET = "JOURNEYMAN_GITHUB_WEBHOOK_SECRET"
DATA = "JOURNEYMAN_DATA_DIR"


def environment(room: Path, **settings: str) -> dict[str, str]:
    """Return a clean environment with data and temporary files in a room of the test."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("JOURNEYMAN_", "OPENAI_"))}
    kept.pop("ANTHROPIC_API_KEY", None)
    (room / "tmp").mkdir(exist_ok=True)
    return {**kept, "TMPDIR": str(room / "tmp"), "JOURNEYMAN_DATA_DIR": str(room / "data"), **settings}


@contextmanager
def running(environ: Mapping[str, str], *arguments: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command; whatever happens, it does not outlive the test."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "bot.cli", *arguments], env=dict(environ), stdout=output, stderr=output,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.wait(20)


def awaits(url: str, process: subprocess.Popen[bytes], log: Path) -> requests.Response:
    """Wait until a page answers well."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            answer = requests.get(url, timeout=5)
            if answer.ok:
                return answer
        except requests.ConnectionError:
            pass
        time.sleep(0.05)
    raise AssertionError(log.read_text(errors="replace"))


def family(parent: int) -> set[int]:
    """Return the children of a process, and theirs."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(fields[1])
    found, size = {parent}, 0
    while len(found) != size:
        size = len(found)
        found |= {child for child, mother in parents.items() if mother in found}
    return found - {parent}


def alive(pids: set[int]) -> list[str]:
    found = []
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            if state != "Z":
                found.append(Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def broker_room(pids: set[int]) -> Path:
    """Return the directory of the embedded broker, from the address that its clients were given."""
    environs = b"".join(Path(f"/proc/{pid}/environ").read_bytes() for pid in pids)
    found = set(re.findall(rb"redis\+socket://([^\0]+)/valkey\.sock", environs))
    assert len(found) == 1, found
    return Path(os.fsdecode(found.pop()))


def gone(pids: set[int]) -> None:
    """Wait until none of these processes is left."""
    until = time.monotonic() + 30
    while (left := alive(pids)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not left


def test_a_receiver_alone_keeps_what_comes_until_the_rest_is_up(
    github: Stage, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """SQLite and no Redis: 202 at once; `up` works it off later, and stops cleanly on SIGTERM."""
    port, secret, log = free_port(), secrets.token_hex(16), tmp_path / "log"
    url = f"http://127.0.0.1:{port}"
    town = Town(github.scene(name_of(request.node.name), CALC, hook=(url, secret)))
    own = environment(tmp_path, **{SECRET: secret})
    with running(own, "web", "--port", str(port), log=log) as web:
        ready = awaits(f"{url}/readyz", web, log).json()
        assert (ready["status"], ready["queue"].split(":")[0]) == ("ready", "none")
        assert requests.get(f"{url}/healthz", timeout=10).json() == {"status": "ok"}
        comment = town.say(town.issue(), "/agent help")
        town.eventually(lambda: town.delivery(comment).code, "the delivery to be answered")
        assert town.delivery(comment).code == 202
        metrics = requests.get(f"{url}/metrics", timeout=10).text
        assert 'journeyman_deliveries_total{outcome="accepted"}' in metrics
        assert 'journeyman_jobs{state="waiting"}' in metrics
        assert "journeyman_database_up 1.0" in metrics
        web.send_signal(signal.SIGTERM)
        assert web.wait(30) == 0, log.read_text()
    assert town.said(1) == []
    up_environ = {
        **own,
        "JOURNEYMAN_GITHUB_URL": github.forge.api_url,
        "JOURNEYMAN_GITHUB_TOKEN": github.tokens[BOT],
        "JOURNEYMAN_GITHUB_PACING": "false",
        "JOURNEYMAN_SWEEP_SECONDS": "0.5",
    }
    with running(up_environ, "up", "--port", str(port), log=log) as up:
        awaits(f"{url}/readyz", up, log)
        town.eventually(lambda: town.said(1), "the answer to come after all")
        assert "/agent retry" in town.said(1)[0]
        children = family(up.pid)
        assert len(children) >= 5
        up.send_signal(signal.SIGTERM)
        assert up.wait(40) == 0, log.read_text()
    gone(children)
    assert list((tmp_path / "tmp").iterdir()) == []
    for noise in ("Traceback", "superuser privileges", "overcommit"):
        assert noise not in log.read_text()


@pytest.mark.parametrize("way", ["Ctrl-C", "killed"])
def test_up_leaves_no_child_however_it_ends(way: str, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    settings = {SECRET: "x" * 20, "JOURNEYMAN_GITHUB_TOKEN": "t" * 20, "JOURNEYMAN_GITHUB_URL": "http://127.0.0.1:9"}
    with running(environment(tmp_path, **settings), "up", "--port", str(port), log=log) as up:
        awaits(f"http://127.0.0.1:{port}/readyz", up, log)
        until = time.monotonic() + SECONDS
        while b"ready:" not in log.read_bytes() and time.monotonic() < until:
            time.sleep(0.05)
        children = family(up.pid)
        room = broker_room(children)
        up.send_signal(signal.SIGINT if way == "Ctrl-C" else signal.SIGKILL)
        code = up.wait(40)
    gone(children)
    if way == "Ctrl-C":
        assert code == 0, log.read_text()
        assert not room.exists()
    shutil.rmtree(room, ignore_errors=True)  # nobody is left to do it after -9


def test_what_cannot_work_is_said_at_once(tmp_path: Path) -> None:
    """Each zone refuses the credentials of the others (78, naming the variable), and wrong settings and ports too."""
    token, slack, key = "JOURNEYMAN_GITHUB_TOKEN", "JOURNEYMAN_SLACK_TOKEN", "OPENAI_API_KEY"
    redis = {"JOURNEYMAN_REDIS_URL": "redis://127.0.0.1:1/0"}
    good = {SECRET: "x" * 20, token: "t" * 20}
    broker, agent = ("worker", "--zone", "broker"), ("worker", "--zone", "agent")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        cases: list[tuple[tuple[str, ...], dict[str, str], int, str]] = [
            (("web",), {SECRET: "x" * 20, token: "t"}, 78, token),
            (("web",), {}, 78, SECRET),
            (broker, {**redis, token: "t", SECRET: "x" * 20}, 78, SECRET),
            (agent, {**redis, slack: "t"}, 78, slack),
            (agent, {}, 78, "JOURNEYMAN_REDIS_URL"),
            (("worker", "--zone", "receiver"), {}, 2, "run `journeyman web`"),
            (("beat",), {**redis, key: "k"}, 78, key),
            (("up",), {**good, "JOURNEYMAN_LEASE_SECONDS": "soon"}, 78, "JOURNEYMAN_LEASE_SECONDS"),
            (("up", "--port", str(free_port())), {**good, DATA: "/proc/nope"}, 78, DATA),
            (("up", "--port", port), good, 1, port),
            (("web", "--port", port), {SECRET: "x" * 20}, 1, port),
            (("web",), {SECRET: "x"}, 78, SECRET),
        ]
        started = [
            subprocess.Popen(
                [sys.executable, "-m", "bot.cli", *command], env=environment(tmp_path, **settings),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            for command, settings, _, _ in cases
        ]  # fmt: skip
        try:
            for process, (command, settings, code, word) in zip(started, cases, strict=True):
                out, err = process.communicate(timeout=90)
                assert process.returncode == code, (command, list(settings), err)
                assert word in err, (command, err)
                assert out == "" or "Valkey is now ready to exit" in out
                assert err.count("JOURNEYMAN_DATA_DIR") <= 1
                assert "Traceback" not in err
        finally:
            for process in started:
                process.kill()
                process.communicate(timeout=20)


WORKER = """
import sys, time
from bot.adapters.queue import celery_app
from bot.domain.envelope import Zone
from workers.cli.worker import serve
app = celery_app("memory://")
@app.task(name="journeyman.execute")
def execute(run, task):
    print("begun", flush=True)
    time.sleep(float(sys.argv[1]))
    print("ended", flush=True)
app.send_task("journeyman.execute", args=["run", "task"])
serve(app, Zone.AGENT, 1, patience=float(sys.argv[2]))
"""


@pytest.mark.parametrize(("job", "patience", "ends"), [("0.5", "60", True), ("60", "0.5", False)])
def test_a_worker_that_is_told_to_end_lets_jobs_end_but_not_for_ever(job: str, patience: str, ends: bool) -> None:
    command = [sys.executable, "-c", WORKER, job, patience]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=50)
        assert process.returncode == 0, err
        assert ("ended" in out, "it is done again when its lease has run out" in err) == (ends, not ends)
        assert "Traceback" not in err
    finally:
        process.kill()
        process.communicate(timeout=20)
