"""Git over HTTP through `git http-backend`, with the token as the password and protected branches refused."""

import gzip
import subprocess
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from flask import Blueprint, Response, request

from bot.devforge.acts import pushes
from bot.devforge.acts.deed import Deed
from bot.devforge.call import bearer, world_of_app
from bot.devforge.gitlab.credentials import FETCHING, PUSHING, may
from bot.devforge.gitrepo import clean_env
from bot.devforge.model import Repository, Token, User
from bot.devforge.world import World
from bot.domain.change import Role

room = Blueprint("git", __name__)
_DEADLINE = 120.0
_MOST = 256 * 1024 * 1024
_NONE = "0" * 40


@dataclass(frozen=True, slots=True)
class _Command:
    """One line of a push: this reference, from here to there."""

    old: str
    new: str
    ref: str


def pack_line(data: bytes) -> bytes:
    """Write one pkt-line."""
    return f"{len(data) + 4:04x}".encode() + data


def _lines(body: bytes) -> Iterator[bytes]:
    at = 0
    while at + 4 <= len(body):
        size = int(body[at : at + 4], 16)
        if size < 4:
            return
        yield body[at + 4 : at + size]
        at += size


def read_commands(body: bytes) -> tuple[list[_Command], set[str]]:
    """Read what a push wants and the client's capabilities; raises ValueError for anything else."""
    commands: list[_Command] = []
    capabilities: set[str] = set()
    for line in _lines(body):
        text, _, extra = line.rstrip(b"\n").partition(b"\0")
        if text.startswith(b"shallow "):  # a push from a shallow clone says first where its history ends
            continue
        if extra:
            capabilities = set(extra.decode(errors="replace").split())
        old, new, ref = text.decode().split(" ", 2)
        commands.append(_Command(old, new, ref))
    return commands, capabilities


def _challenge(status: int, text: str) -> Response:
    headers = {"WWW-Authenticate": 'Basic realm="devforge"'} if status == 401 else {}
    return Response(text + "\n", status, headers, content_type="text/plain; charset=utf-8")


def _admit(world: World, full_name: str, *, write: bool) -> tuple[Repository, User | None] | Response:
    """Return the repository and the user, or the refusal."""
    with world.lock:
        value = bearer()
        token = world.tokens.get(value) if value else None
        grant, repo = world.grant(value or ""), world.repo(full_name)
        if grant is not None and (grant.until <= world.now() or (grant.installation and grant.installation.suspended)):
            token = None
        if value and (token is None or not _taken(world, token)):
            return _challenge(401, "Invalid username or token.")
        user = token.user if token else None
        if repo is None or not repo.role(user).at_least(Role.READ):
            return _challenge(404 if token else 401, "Repository not found.")
        if grant is not None and not (
            grant.covers(repo) and grant.allows((("contents", "write" if write else "read"),))
        ):
            return _challenge(403 if write else 404, "Write access to repository not granted.")
        if not write:
            return repo, user
        if token is None or user is None:
            return _challenge(401, "Authentication is needed to push.")
        installed = grant is not None and grant.installation is not None
        if not (installed or repo.role(user).at_least(Role.WRITE)) or not _wide(world, token):
            return _challenge(403, f"Permission to {full_name}.git denied to {user.login}.")
        return repo, user


def _wide(world: World, token: Token) -> bool:
    """Tell whether a token that git may use may push."""
    if world.dialect == "github":
        return token.access.at_least(Role.WRITE)
    return may(token, PUSHING, world.now())


def _taken(world: World, token: Token) -> bool:
    if world.dialect == "github":
        return token.good(world.now())
    return may(token, FETCHING, world.now())


@room.get("/<path:owner>/<name>.git/info/refs")
def advertise(owner: str, name: str) -> Response:
    """Answer the first request of a fetch or a push."""
    world, service = world_of_app(), request.args.get("service", "")
    if service not in ("git-upload-pack", "git-receive-pack"):
        return _challenge(403, "Only the smart protocol is spoken here.")
    admitted = _admit(world, f"{owner}/{name}", write=service == "git-receive-pack")
    if isinstance(admitted, Response):
        return admitted
    return _backend(*admitted, "/info/refs", b"")


@room.post("/<path:owner>/<name>.git/git-upload-pack")
def upload_pack(owner: str, name: str) -> Response:
    """Answer a fetch."""
    admitted = _admit(world_of_app(), f"{owner}/{name}", write=False)
    if isinstance(admitted, Response):
        return admitted
    return _backend(*admitted, "/git-upload-pack", _body())


@room.post("/<path:owner>/<name>.git/git-receive-pack")
def receive_pack(owner: str, name: str) -> Response:
    """Answer a push: refuse what is protected, let git do the rest, then act on what really moved."""
    world = world_of_app()
    admitted = _admit(world, f"{owner}/{name}", write=True)
    if isinstance(admitted, Response):
        return admitted
    repo, user = admitted
    body = _body()
    try:
        commands, capabilities = read_commands(body)
    except ValueError:
        return _challenge(400, "That is no push.")
    refused = [command for command in commands if _protected(repo, command.ref)]
    if refused:
        return _refusal(commands, refused, capabilities)
    response = _backend(repo, user, "/git-receive-pack", body)
    if user is not None:
        with world.lock:
            _act(Deed(world, repo, user), commands)
    return response


def _protected(repo: Repository, ref: str) -> bool:
    if ref.startswith("refs/heads/"):
        return ref.removeprefix("refs/heads/") in repo.protected
    return not ref.startswith("refs/tags/")


def _refusal(commands: list[_Command], refused: list[_Command], capabilities: set[str]) -> Response:
    names = {command.ref for command in refused}
    report = pack_line(b"unpack ok\n")
    for command in commands:
        why = "protected branch hook declined" if command.ref in names else "pre-receive hook declined"
        report += pack_line(f"ng {command.ref} {why}\n".encode())
    report += b"0000"
    if "side-band-64k" in capabilities:
        told = "".join(f"error: GH006: Protected branch update failed for {name}.\n" for name in sorted(names))
        report = pack_line(b"\x02" + told.encode()) + pack_line(b"\x01" + report) + b"0000"
    return Response(report, content_type="application/x-git-receive-pack-result")


def _act(deed: Deed, commands: list[_Command]) -> None:
    now = deed.repo.git.refs()
    for command in commands:
        new = None if command.new == _NONE else command.new
        if command.old != command.new and now.get(command.ref) == new:
            pushes.landed(deed, command.ref, None if command.old == _NONE else command.old, new)


def _body() -> bytes:
    data = request.stream.read(_MOST)
    if request.headers.get("Content-Encoding") != "gzip":
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return b""


def _backend(repo: Repository, user: User | None, tail: str, body: bytes) -> Response:
    """Run git's own CGI program on this one repository in an environment of our making."""
    env = {
        **clean_env(repo.git.path.parent),
        "GIT_PROJECT_ROOT": str(repo.git.path.parent),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{repo.git.path.name}{tail}",
        "REQUEST_METHOD": request.method,
        "QUERY_STRING": request.query_string.decode(),
        "CONTENT_TYPE": request.content_type or "",
        "CONTENT_LENGTH": str(len(body)),
        "REMOTE_ADDR": request.remote_addr or "",
        "REMOTE_USER": user.login if user else "",
        "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
    }
    try:
        done = subprocess.run(
            ["git", "http-backend"], input=body, env=env, capture_output=True, timeout=_DEADLINE, check=False
        )
    except subprocess.TimeoutExpired:
        return _challenge(504, "git took too long.")
    head, _, rest = done.stdout.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode(errors="replace").splitlines() if ": " in line)
    status = int(headers.pop("Status", "200").split(" ")[0])
    if done.returncode and not head:
        return _challenge(500, "git failed.")
    return Response(rest, status, headers)
