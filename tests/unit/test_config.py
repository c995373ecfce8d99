"""Settings: every one from its variable and from its file, errors that name the variable, and no zone with too much."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.config import OWNED, Settings, ZoneRefused, environment_for, guard, load, sandbox_python, variable
from bot.domain.envelope import Zone
from bot.domain.errors import ConfigError

# One value for each setting, as written in the environment, and as it is then.
VALUES: dict[str, tuple[str, Any]] = {
    "data_dir": ("/srv/journeyman", Path("/srv/journeyman")),
    "database_url": ("postgresql://db/journeyman", "postgresql://db/journeyman"),
    "redis_url": ("redis://queue/0", "redis://queue/0"),
    "keys_dir": ("/srv/keys", Path("/srv/keys")),
    "log_level": ("debug", "debug"),
    "github_url": ("https://forge.test/api/v3", "https://forge.test/api/v3"),
    "github_token": ("t1", SecretStr("t1")),
    "github_app_id": ("Iv23li", "Iv23li"),
    "github_app_key": ("k1", SecretStr("k1")),
    "github_webhook_secret": ("s1-a-secret", SecretStr("s1-a-secret")),
    "github_webhook_secret_previous": ("s0-a-secret", SecretStr("s0-a-secret")),
    "github_pacing": ("false", False),
    "github_ca_file": ("/etc/hub.pem", "/etc/hub.pem"),
    "gitlab_url": ("https://lab.test", "https://lab.test"),
    "gitlab_token": ("t2", SecretStr("t2")),
    "gitlab_webhook_secret": ("s2-a-secret", SecretStr("s2-a-secret")),
    "gitlab_webhook_secret_previous": ("s3-a-secret", SecretStr("s3-a-secret")),
    "gitlab_pacing": ("false", False),
    "gitlab_ca_file": ("/etc/lab.pem", "/etc/lab.pem"),
    "bot_login": ("bot", "bot"),
    "author_name": ("A Bot", "A Bot"),
    "author_email": ("bot@forge.test", "bot@forge.test"),
    "slack_url": ("https://chat.test/", "https://chat.test/"),
    "slack_token": ("x1", SecretStr("x1")),
    "slack_channel": ("C1", "C1"),
    "model_url": ("http://127.0.0.1:1/v1", "http://127.0.0.1:1/v1"),
    "model_api": ("anthropic", "anthropic"),
    "model": ("small", "small"),
    "model_api_key": ("m1", SecretStr("m1")),
    "openai_api_key": ("o1", SecretStr("o1")),
    "anthropic_api_key": ("a1", SecretStr("a1")),
    "engines": ("no", False),
    "policy": ("solo", "solo"),
    "sandbox_python": ("/usr/bin/python3", "/usr/bin/python3"),
    "task_seconds": ("60", 60.0),
    "max_body_bytes": ("2048", 2048),
    "lease_seconds": ("5.5", 5.5),
    "sweep_seconds": ("0.5", 0.5),
    "poll_seconds": ("30", 30.0),
    "reconcile_seconds": ("60", 60.0),
    "repos": ("github:o/r gitlab:g/s/r", "github:o/r gitlab:g/s/r"),
    "resend_seconds": ("3", 3.0),
}
CREDENTIALS = {name: owner for owner, names in OWNED.items() for name in names}
ZONES: list[Zone | None] = [*Zone, None]


def test_the_table_has_every_setting() -> None:
    assert set(VALUES) == set(Settings.model_fields)
    assert {name for name, (_, value) in VALUES.items() if isinstance(value, SecretStr)} == set(CREDENTIALS)


@pytest.mark.parametrize("name", VALUES)
def test_a_setting_comes_from_its_variable(name: str) -> None:
    written, wanted = VALUES[name]
    settings = load({variable(name): written})
    assert getattr(settings, name) == wanted
    assert settings.model_fields_set == {name}


@pytest.mark.parametrize("name", VALUES)
def test_a_setting_comes_from_its_file(name: str, tmp_path: Path) -> None:
    written, wanted = VALUES[name]
    (tmp_path / "value").write_text(f"{written}\n", encoding="utf-8")
    assert getattr(load({f"{variable(name)}_FILE": str(tmp_path / "value")}), name) == wanted


@pytest.mark.parametrize("name", VALUES)
def test_both_at_once_are_refused(name: str, tmp_path: Path) -> None:
    key = variable(name)
    with pytest.raises(ConfigError, match=f"^{key} and {key}_FILE are both set"):
        load({key: VALUES[name][0], f"{key}_FILE": str(tmp_path / "value")})


@pytest.mark.parametrize("name", VALUES)
def test_an_empty_variable_is_no_setting(name: str) -> None:
    assert load({variable(name): "", f"{variable(name)}_FILE": ""}).model_fields_set == set()


def test_the_names_are_those_that_other_programs_rely_on() -> None:
    assert variable("database_url") == "JOURNEYMAN_DATABASE_URL"
    assert variable("github_webhook_secret") == "JOURNEYMAN_GITHUB_WEBHOOK_SECRET"
    assert variable("model_api_key") == "JOURNEYMAN_MODEL_API_KEY"
    assert (variable("openai_api_key"), variable("anthropic_api_key")) == ("OPENAI_API_KEY", "ANTHROPIC_API_KEY")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("log_level", "loud"),
        ("log_level", "DEBUG"),
        ("github_pacing", "maybe"),
        ("engines", "2"),
        ("model_api", "gemini"),
        ("task_seconds", "4"),
        ("task_seconds", "7201"),
        ("task_seconds", "nan"),
        ("task_seconds", "inf"),
        ("task_seconds", "soon"),
        ("max_body_bytes", "1023"),
        ("max_body_bytes", "1e9"),
        ("max_body_bytes", "2048.5"),
        ("lease_seconds", "0"),
        ("sweep_seconds", "-1"),
        ("poll_seconds", "0"),
        ("resend_seconds", "601"),
    ],
)
def test_a_value_that_cannot_work_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"^{variable(name)}: "):
        load({variable(name): value})


@pytest.mark.parametrize("name", sorted(CREDENTIALS))
@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff"], ids=["missing", "empty", "blank", "not text"])
def test_a_file_that_holds_no_value_names_its_variable(name: str, content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "value"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"^{variable(name)}_FILE: "):
        load({f"{variable(name)}_FILE": str(path)})


def test_a_name_that_can_be_no_file_is_an_error_like_any_other(tmp_path: Path) -> None:
    for path in ("a\0b", str(tmp_path)):
        with pytest.raises(ConfigError, match=r"^JOURNEYMAN_POLICY_FILE: cannot read"):
            load({"JOURNEYMAN_POLICY_FILE": path})


# --- names
@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("JOURNEYMAN_TASK_SECOND", "JOURNEYMAN_TASK_SECONDS"),
        ("JOURNEYMAN_GITHUB_TOKN", "JOURNEYMAN_GITHUB_TOKEN"),
        ("JOURNEYMAN_GITHUB_TOKN_FILE", "JOURNEYMAN_GITHUB_TOKEN_FILE"),
        ("JOURNEYMAN_GITHUB_TOKEN_FILES", "JOURNEYMAN_GITHUB_TOKEN_FILE"),
        ("JOURNEYMAN_OPENAI_API_KEY", "OPENAI_API_KEY"),
        ("JOURNEYMAN_github_token", "JOURNEYMAN_GITHUB_TOKEN"),
    ],
)
def test_a_misspelt_setting_is_refused_with_the_nearest_name(wrong: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{wrong}: there is no such setting; the nearest is {meant} ") as caught:
        load({wrong: "t0psecret"})
    assert "t0psecret" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "JOURNEYMAN_SERVICE_HOST",
        "JOURNEYMAN_SERVICE_PORT",
        "JOURNEYMAN_WEB_SERVICE_PORT_HTTP",
        "JOURNEYMAN_PORT",
        "JOURNEYMAN_PORT_8080_TCP",
        "JOURNEYMAN_WEB_PORT_8080_TCP_ADDR",
        "MY_JOURNEYMAN_THING",
        "JOURNEYMAN_COLOUR",
        "JOURNEYMAN_FORGEJO_TOKEN",
        "OPENAI_BASE_URL",
    ],
)
def test_names_of_others_are_left_alone(name: str) -> None:
    assert load({name: "10.0.0.1"}).model_fields_set == set()


def test_an_empty_misspelt_variable_sets_nothing() -> None:
    assert load({"JOURNEYMAN_TASK_SECOND": ""}).model_fields_set == set()


def test_the_interpreter_of_the_sandbox_can_be_asked_for_alone(tmp_path: Path) -> None:
    (tmp_path / "python").write_text("/opt/python\n")
    assert sandbox_python({"JOURNEYMAN_SANDBOX_PYTHON": "/opt/python", "JOURNEYMAN_LOG_LEVEL": "loud"}) == "/opt/python"
    assert sandbox_python({"JOURNEYMAN_SANDBOX_PYTHON_FILE": str(tmp_path / "python")}) == "/opt/python"
    assert sandbox_python({}) is None


def test_no_error_repeats_a_secret() -> None:
    for name in CREDENTIALS:
        assert "t0psecret" not in repr(load({variable(name): "t0psecret"}))
    with pytest.raises(ConfigError) as caught:
        guard(Zone.AGENT, load({"JOURNEYMAN_GITHUB_TOKEN": "t0psecret"}))
    assert "t0psecret" not in str(caught.value)


def test_every_secret_is_known_to_the_redaction() -> None:
    environment = {variable(name): f"secret of {name}" for name in CREDENTIALS}
    assert set(load(environment).secrets()) == set(environment.values())
    assert load({}).secrets() == ()


def test_the_defaults_work_on_one_machine(tmp_path: Path) -> None:
    settings = load({"JOURNEYMAN_DATA_DIR": str(tmp_path)})
    assert settings.database == f"sqlite:///{tmp_path}/journeyman.db"
    assert settings.keys == tmp_path / "keys"
    assert load({"JOURNEYMAN_DATABASE_URL": "postgresql://db/x"}).database == "postgresql://db/x"
    assert load({"JOURNEYMAN_KEYS_DIR": "/srv/keys"}).keys == Path("/srv/keys")
    assert load({}).data_dir.name == "journeyman"


def test_the_process_environment_is_read_where_no_other_is_given() -> None:
    assert load().model_fields_set <= set(Settings.model_fields)
    assert environment_for(Zone.AGENT).keys() >= {"PATH"}


# --- zones
@pytest.mark.parametrize("zone", ZONES, ids=str)
@pytest.mark.parametrize("name", sorted(CREDENTIALS))
def test_a_zone_starts_with_its_own_credentials_only(zone: Zone | None, name: str) -> None:
    settings = load({variable(name): "a secret"})
    if CREDENTIALS[name] is zone:
        guard(zone, settings)
        return
    who = zone.value if zone is not None else "beat"
    with pytest.raises(ZoneRefused) as caught:
        guard(zone, settings)
    assert str(caught.value).startswith(
        f"the {who} zone was given {variable(name)}, which belongs to the {CREDENTIALS[name]}"
    )


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_every_zone_starts_with_what_all_share(zone: Zone | None) -> None:
    shared = {variable(name): written for name, (written, _) in VALUES.items() if name not in CREDENTIALS}
    own = {variable(name): "a secret" for name, owner in CREDENTIALS.items() if owner is zone}
    settings = load(shared | own)
    guard(zone, settings)
    assert set(settings.secrets()) == ({"a secret"} if own else set())


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_a_zone_is_handed_its_own_credentials_only(zone: Zone | None) -> None:
    full = {"PATH": "/bin", "JOURNEYMAN_POLICY": "solo"}
    for name in CREDENTIALS:
        full |= {variable(name): "a secret", f"{variable(name)}_FILE": "/file"}
    handed = environment_for(zone, full)
    own = {variable(name) for name, owner in CREDENTIALS.items() if owner is zone}
    assert set(handed) == {"PATH", "JOURNEYMAN_POLICY"} | own | {f"{key}_FILE" for key in own}
    assert len(full) == 2 + 2 * len(CREDENTIALS)
    plain = {key: value for key, value in handed.items() if not key.endswith("_FILE")}
    guard(zone, load(plain))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JOURNEYMAN_GITHUB_URL", "nonsense"),
        ("JOURNEYMAN_GITHUB_URL", "ftp://forge.test"),
        ("JOURNEYMAN_SLACK_URL", "https://"),
        ("JOURNEYMAN_MODEL_URL", "localhost:8000"),
        ("JOURNEYMAN_REDIS_URL", "http://redis.test"),
    ],
)
def test_an_address_that_cannot_work_is_refused(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"^{name}: .*an address"):
        load({name: value})
