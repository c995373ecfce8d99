"""Ed25519 keys: one pair per zone, private keys in files that only their owner can read."""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from bot.domain.envelope import Zone
from bot.domain.errors import ConfigError

VARIABLES = "JOURNEYMAN_KEYS_DIR, or else JOURNEYMAN_DATA_DIR"

PublicKeys = Mapping[Zone, Mapping[str, bytes]]
"""Raw public keys (32 bytes) by zone and key id; a zone has several while its key is being changed."""


def key_id_of(public: bytes) -> str:
    """Return the name of a raw public key: the first 16 hex digits of its SHA-256."""
    return sha256(public).hexdigest()[:16]


class KeyRing:
    """Public keys only: can verify, cannot sign."""

    def __init__(self, public: PublicKeys) -> None:
        self.public: dict[Zone, dict[str, bytes]] = {zone: dict(public.get(zone, {})) for zone in Zone}
        self._loaded = {
            (zone, name): Ed25519PublicKey.from_public_bytes(raw)
            for zone, keys in self.public.items()
            for name, raw in keys.items()
        }

    def verify(self, zone: Zone, key_id: str, message: bytes, signature: bytes) -> bool:
        """Tell whether this zone's key of that id made the signature; False for a key that is not known."""
        key = self._loaded.get((zone, key_id))
        if key is None:
            return False
        try:
            key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


class FileKeys(KeyRing):
    """A zone's own signing key and everybody's public keys."""

    def __init__(self, zone: Zone, private: Path | bytes, public: PublicKeys) -> None:
        """Load the zone's private key from a file (kept 0600) or from PEM bytes; raises ConfigError."""
        self.zone: Zone = zone
        self._private = _load_private(zone, private)
        own = self._private.public_key().public_bytes_raw()
        self.key_id: str = key_id_of(own)
        super().__init__({**public, zone: {**public.get(zone, {}), self.key_id: own}})

    def sign(self, message: bytes) -> bytes:
        """Sign with the zone's private key."""
        return self._private.sign(message)


def _load_private(zone: Zone, source: Path | bytes) -> Ed25519PrivateKey:
    name = f"the private key of the zone {zone.value}"
    if isinstance(source, Path):
        name = f"{name} ({source}; {VARIABLES})"
        source = _read_private(source, name)
    try:
        key = load_pem_private_key(source, password=None)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{name} is not an unencrypted PEM key: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{name} is not an Ed25519 key; make one with make_keys")
    return key


def _read_private(path: Path, name: str) -> bytes:
    try:
        mode = path.stat().st_mode
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{name} cannot be read: {error.strerror}") from error
    if mode & 0o027:  # the group may read: Kubernetes mounts a secret for an fsGroup so
        raise ConfigError(f"{name} is open to others (mode {mode & 0o777:04o}); run: chmod 600 {path}")
    return data


@contextmanager
def made_as(variables: str, directory: Path) -> Iterator[None]:
    """Raise ConfigError, naming the variables that chose it, where a directory cannot be made or written into."""
    try:
        yield
    except OSError as error:
        where = f"{directory} cannot be made or written into: {error.strerror}"
        raise ConfigError(f"{variables}: {where}; name a directory that this user may write to") from error


def make_keys(directory: Path) -> None:
    """Create `zone.key` (0600) and `zone.pub` for every zone that has neither; says the same when said twice.

    Safe for several processes at once: the first key wins and all see it. A zone with only a `zone.pub` keeps it: its
    private key lives elsewhere. Raises ConfigError.
    """
    with made_as(VARIABLES, directory):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for zone in Zone:
            _make_pair(zone, directory / f"{zone.value}.key", directory / f"{zone.value}.pub")


def _make_pair(zone: Zone, private: Path, public: Path) -> None:
    if public.exists():
        return
    if not private.exists():
        pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _place(private, pem, 0o600)
    own = _load_private(zone, private).public_key()
    _place(public, own.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), 0o644)


def _place(path: Path, data: bytes, mode: int) -> None:
    """Write a whole file under a name that is still free; an existing file stays as it is."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return
    finally:
        draft.unlink(missing_ok=True)


def load_public(directory: Path) -> dict[Zone, dict[str, bytes]]:
    """Return the public keys of a directory: `zone.pub`, and older ones as `zone.anything.pub`; raises ConfigError."""
    try:
        paths = sorted(path for path in directory.iterdir() if path.suffix == ".pub")
    except OSError as error:
        raise ConfigError(f"there is no directory of keys at {directory} ({VARIABLES}): {error.strerror}") from error
    found: dict[Zone, dict[str, bytes]] = {zone: {} for zone in Zone}
    for path in paths:
        name = path.name.partition(".")[0]
        if name not in {zone.value for zone in Zone}:
            continue
        try:
            key = load_pem_public_key(path.read_bytes())
        except (OSError, ValueError) as error:
            raise ConfigError(f"the public key {path} cannot be read: {error}") from error
        if not isinstance(key, Ed25519PublicKey):
            raise ConfigError(f"the public key {path} is not an Ed25519 key")
        raw = key.public_bytes_raw()
        found[Zone(name)][key_id_of(raw)] = raw
    return found
