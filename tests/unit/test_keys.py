"""Keys: made once, kept private, several public ones per zone, clear refusals."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from bot.adapters.clock import SystemTime
from bot.adapters.keys import FileKeys, KeyRing, key_id_of, load_public, make_keys
from bot.domain.envelope import Clock, Zone
from bot.domain.errors import ConfigError


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    make_keys(tmp_path / "deep" / "keys")
    return tmp_path / "deep" / "keys"


def keys_of(directory: Path, zone: Zone) -> FileKeys:
    return FileKeys(zone, directory / f"{zone.value}.key", load_public(directory))


def test_every_zone_gets_a_private_and_a_public_file(directory: Path) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    private = {f"{zone.value}.key": 0o600 for zone in Zone}
    public = {f"{zone.value}.pub": 0o644 for zone in Zone}
    assert modes == private | public
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_making_them_again_changes_nothing(directory: Path) -> None:
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    make_keys(directory)
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == before


def test_a_lost_public_file_is_made_again_from_the_private_one(directory: Path) -> None:
    before = (directory / "agent.pub").read_bytes()
    (directory / "agent.pub").unlink()
    make_keys(directory)
    assert (directory / "agent.pub").read_bytes() == before


def test_a_zone_whose_private_key_lives_elsewhere_gets_no_new_one(directory: Path) -> None:
    (directory / "agent.key").unlink()
    make_keys(directory)
    assert not (directory / "agent.key").exists()
    with pytest.raises(ConfigError, match=r"agent .*agent\.key.* cannot be read"):
        keys_of(directory, Zone.AGENT)


def test_what_one_zone_signs_the_others_verify(directory: Path) -> None:
    agent, broker = keys_of(directory, Zone.AGENT), keys_of(directory, Zone.BROKER)
    signature = agent.sign(b"message")
    assert broker.verify(Zone.AGENT, agent.key_id, b"message", signature)
    assert not broker.verify(Zone.AGENT, agent.key_id, b"another", signature)
    assert not broker.verify(Zone.BROKER, agent.key_id, b"message", signature)
    assert not broker.verify(Zone.BROKER, broker.key_id, b"message", signature)
    assert not broker.verify(Zone.AGENT, "unknown", b"message", signature)
    assert not broker.verify(Zone.AGENT, agent.key_id, b"message", b"short")


def test_old_signatures_verify_after_a_change_of_key(directory: Path) -> None:
    old = keys_of(directory, Zone.BROKER)
    signature = old.sign(b"message")
    (directory / "broker.pub").rename(directory / "broker.2025.pub")
    (directory / "broker.key").unlink()
    make_keys(directory)
    new = keys_of(directory, Zone.BROKER)
    assert new.key_id != old.key_id
    assert new.verify(Zone.BROKER, old.key_id, b"message", signature)
    assert set(load_public(directory)[Zone.BROKER]) == {old.key_id, new.key_id}


def test_the_own_public_key_is_always_known(directory: Path) -> None:
    keys = FileKeys(Zone.AGENT, directory / "agent.key", {})
    assert keys.verify(Zone.AGENT, keys.key_id, b"x", keys.sign(b"x"))
    assert keys.public[Zone.BROKER] == {}
    assert key_id_of(keys.public[Zone.AGENT][keys.key_id]) == keys.key_id


def test_a_private_key_can_be_given_as_bytes(directory: Path) -> None:
    keys = FileKeys(Zone.AGENT, (directory / "agent.key").read_bytes(), load_public(directory))
    assert keys.key_id == keys_of(directory, Zone.AGENT).key_id


@pytest.mark.parametrize("mode", [0o604, 0o620, 0o602, 0o644])
def test_a_private_key_that_others_can_reach_is_refused_with_the_remedy(directory: Path, mode: int) -> None:
    (directory / "agent.key").chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        keys_of(directory, Zone.AGENT)


def test_the_group_may_read_as_kubernetes_mounts_it(directory: Path) -> None:
    (directory / "agent.key").chmod(0o440)
    assert keys_of(directory, Zone.AGENT).zone is Zone.AGENT


@pytest.mark.parametrize("pem", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_private_key_is_refused(pem: bytes) -> None:
    with pytest.raises(ConfigError, match="is not an unencrypted PEM key"):
        FileKeys(Zone.AGENT, pem, {})


def test_keys_of_another_kind_are_refused(directory: Path) -> None:
    other = X25519PrivateKey.generate()
    with pytest.raises(ConfigError, match="not an Ed25519 key"):
        FileKeys(Zone.AGENT, other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), {})
    (directory / "agent.pub").write_bytes(
        other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    with pytest.raises(ConfigError, match=r"agent\.pub is not an Ed25519 key"):
        load_public(directory)


def test_public_keys_are_read_only_where_they_can_be(directory: Path) -> None:
    (directory / "stranger.pub").write_text("of no zone")
    assert set(load_public(directory)) == set(Zone)
    (directory / "agent.pub").write_text("broken")
    with pytest.raises(ConfigError, match=r"agent\.pub cannot be read"):
        load_public(directory)
    with pytest.raises(ConfigError, match="no directory of keys"):
        load_public(directory / "none")


def test_keys_that_cannot_be_written_name_the_variables(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "keys" / "agent.key").mkdir(parents=True)
    for place in (tmp_path / "file" / "keys", tmp_path / "keys"):
        with pytest.raises(ConfigError, match="JOURNEYMAN_KEYS_DIR, or else JOURNEYMAN_DATA_DIR"):
            make_keys(place)


def test_an_empty_ring_verifies_nothing() -> None:
    key = Ed25519PrivateKey.generate()
    raw = key.public_key().public_bytes_raw()
    assert not KeyRing({}).verify(Zone.AGENT, key_id_of(raw), b"x", key.sign(b"x"))


def test_clocks_never_repeat_even_when_the_wall_goes_back() -> None:
    walls = iter([5.0, 5.0, 4.0, 6.0, 6.0])
    time = SystemTime(lambda: next(walls))
    assert [time.tick(), time.tick(), time.tick(), time.tick()] == [
        Clock(5000, 0),
        Clock(5000, 1),
        Clock(5000, 2),
        Clock(6000, 0),
    ]
    assert time.tick(Clock(9000, 3), Clock(7000, 9)) == Clock(9000, 4)


def test_the_wall_is_this_machines() -> None:
    time = SystemTime()
    assert abs(time.now() * 1000 - time.tick().wall) < 60_000
