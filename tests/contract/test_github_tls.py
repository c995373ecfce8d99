"""A GitHub Enterprise Server behind an authority of its own: the API and git both check its certificate against it."""

import datetime
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from bot.adapters.git import Git
from bot.domain.errors import Unavailable
from bot.forges.github.api import GitHubForge
from tests.contract.forge_rig import Rig, running


def certificate(folder: Path) -> Path:
    """Write a certificate for this machine that is its own authority, with its key, and return the file."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hub")])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "both.pem").write_bytes(private + made.public_bytes(Encoding.PEM))
    (folder / "ca.pem").write_bytes(made.public_bytes(Encoding.PEM))
    return folder / "both.pem"


def pump(source: socket.socket, target: socket.socket) -> None:
    """Hand on what comes until it ends, and then that it ended."""
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Rig]:
    """A forge whose addresses are https: what speaks TLS hands all on to it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path))
    with running("github") as rig, socket.create_server(("127.0.0.1", 0)) as listener:
        port = rig.dev.port

        def serve() -> None:
            while True:
                try:
                    plain, _ = listener.accept()
                except OSError:
                    return
                Thread(target=talk, args=(plain,), daemon=True).start()

        def talk(plain: socket.socket) -> None:
            plain.settimeout(20)
            try:
                with (
                    context.wrap_socket(plain, server_side=True) as caller,
                    socket.create_connection(("127.0.0.1", port), timeout=20) as forge,
                ):
                    back = Thread(target=pump, args=(forge, caller), daemon=True)
                    back.start()
                    pump(caller, forge)
                    back.join(20)
            except OSError:  # they did not like our certificate
                plain.close()

        thread = Thread(target=serve, daemon=True)
        thread.start()
        rig.dev.world.address = f"https://localhost:{listener.getsockname()[1]}"
        yield rig
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def test_a_server_with_its_own_authority_is_believed_by_the_api_and_by_git(hub: Rig, tmp_path: Path) -> None:
    ca = str(tmp_path / "ca.pem")
    with closing(GitHubForge(hub.token, url=hub.dev.api_url, pacing=False, ca_file=ca)) as forge:
        assert forge.whoami() == hub.me
        remote = forge.remote(hub.repo, "read")
        assert remote.url.startswith("https://localhost:")
        assert b"one\n" in Git().snapshot(remote, hub.base)


def test_without_it_nothing_is_said_to_that_server(hub: Rig, tmp_path: Path) -> None:
    stranger = GitHubForge(hub.token, url=hub.dev.api_url, pacing=False)
    with closing(stranger), pytest.raises(Unavailable, match="SSLError"):
        stranger.whoami()
    ca = str(tmp_path / "ca.pem")
    with closing(GitHubForge(hub.token, url=hub.dev.api_url, pacing=False, ca_file=ca)) as forge:
        remote = forge.remote(hub.repo, "read")
    hub.seen.clear()
    untold = type(remote)(remote.url, remote.username, remote.secret)
    with pytest.raises(Unavailable, match="certificate") as caught:
        Git().snapshot(untold, hub.base)
    assert remote.secret not in str(caught.value)
    assert hub.seen == []
