"""The chart: which secret reaches which pod, who talks to whom, and how each container is closed."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bot.config import OWNED, variable
from bot.domain.envelope import Zone

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "journeyman"
HELM = shutil.which("helm", path=str(Path(sys.executable).parent)) or shutil.which("helm")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(HELM is None, reason="no helm: `make slow` fetches one, or put it on the PATH"),
]
Doc = dict[str, Any]
MINE = {"secrets.connections.existing": "db"}
ALL = {
    **MINE,
    "secrets.web.existing": "web-secret",
    "secrets.broker.existing": "broker-secret",
    "secrets.agent.existing": "agent-secret",
    "settings.POLICY": "solo",
    "web.ingress.enabled": "true",
    "web.ingress.host": "bot.example",
    "web.ingress.tlsSecret": "tls",
    "web.ingress.className": "nginx",
}
TRIAL = {
    "secrets.connections.values.JOURNEYMAN_DATABASE_URL": "postgresql://db/x",
    "secrets.connections.values.JOURNEYMAN_REDIS_URL": "redis://redis/0",
    "secrets.broker.values.JOURNEYMAN_GITHUB_TOKEN": "t",
    "secrets.web.values.JOURNEYMAN_GITHUB_WEBHOOK_SECRET": "s",
    "network.policies": "false",
}
CASES = {"least": MINE, "all": ALL, "trial": TRIAL}


def helm(*arguments: str, **values: str) -> subprocess.CompletedProcess[str]:
    assert HELM is not None
    given = [part for name, value in values.items() for part in ("--set", f"{name}={value}")]
    argv = [HELM, *arguments, str(CHART), *given]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def rendered(**values: str) -> list[Doc]:
    done = helm("template", "jm", **values)
    assert done.returncode == 0, done.stderr
    return [doc for doc in YAML(typ="safe").load_all(done.stdout) if doc]


@pytest.fixture(scope="module", params=CASES)
def docs(request: pytest.FixtureRequest) -> list[Doc]:
    return rendered(**CASES[request.param])


@pytest.fixture(scope="module")
def whole() -> list[Doc]:
    return rendered(**ALL)


def pods(docs: list[Doc]) -> dict[str, Doc]:
    """Return the pod specifications by component."""
    found = {}
    for doc in docs:
        if doc["kind"] in ("Deployment", "Job"):
            template = doc["spec"]["template"]
            found[template["metadata"]["labels"]["app.kubernetes.io/component"]] = template["spec"]
    return found


def secrets_of(pod: Doc) -> set[str]:
    """Return every secret that reaches a pod, by whichever way."""
    names: set[str] = set()

    def walk(node: object) -> None:
        if isinstance(node, list):
            for one in node:
                walk(one)
        if isinstance(node, dict):
            for key, value in node.items():
                if key in ("secretRef", "secretKeyRef", "secret") and isinstance(value, dict):
                    names.add(str(value.get("name") or value.get("secretName")))
                if key == "secretName":
                    names.add(str(value))
                walk(value)

    walk(pod)
    return names


@pytest.mark.parametrize("case", CASES)
def test_helm_and_kubernetes_accept_it(case: str, tmp_path: Path) -> None:
    linted = helm("lint", "--strict", **CASES[case])
    assert linted.returncode == 0, linted.stdout + linted.stderr
    page = tmp_path / "all.yaml"
    page.write_text(helm("template", "jm", **CASES[case]).stdout)
    validate = [str(Path(sys.executable).parent / "kubernetes-validate"), "--strict", "-k", "1.33", str(page)]
    done = subprocess.run(validate, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_pod_gets_its_own_zones_secrets_only(whole: list[Doc]) -> None:
    assert {component: secrets_of(pod) for component, pod in pods(whole).items()} == {
        "web": {"db", "web-secret", "journeyman-key-receiver"},
        "broker": {"db", "broker-secret", "journeyman-key-broker"},
        "agent": {"db", "agent-secret", "journeyman-key-agent"},
        "beat": {"db"},
        "migrations": {"db"},
    }


def test_beat_and_migrations_are_given_one_connection_or_two_and_no_key(whole: list[Doc]) -> None:
    given = {component: {row["name"] for row in pod["containers"][0]["env"]} for component, pod in pods(whole).items()}
    assert "JOURNEYMAN_DATABASE_URL" not in given["beat"]
    assert "JOURNEYMAN_KEYS_DIR" not in given["beat"] | given["migrations"]
    for component in ("web", "broker", "agent"):
        assert {"JOURNEYMAN_DATABASE_URL", "JOURNEYMAN_REDIS_URL", "JOURNEYMAN_KEYS_DIR"} <= given[component]


def test_a_pod_holds_the_private_key_of_its_own_zone_only(whole: list[Doc]) -> None:
    wanted = {"web": "receiver.key", "broker": "broker.key", "agent": "agent.key"}
    for component, pod in pods(whole).items():
        sources = [one for volume in pod["volumes"] for one in volume.get("projected", {}).get("sources", [])]
        items = [item["key"] for one in sources for item in one.get("secret", {}).get("items", [])]
        assert items == [key for name, key in wanted.items() if name == component]


def test_no_credential_of_a_zone_can_be_a_setting_of_all() -> None:
    owned = {variable(name).removeprefix("JOURNEYMAN_") for zone in Zone for name in OWNED[zone]}
    for name in sorted(one for one in owned if variable(one.lower()).startswith("JOURNEYMAN_")):
        refused = helm("template", "jm", **MINE, **{f"settings.{name}": "x"})
        assert refused.returncode != 0, name
        assert name in refused.stderr


def test_every_container_is_closed(docs: list[Doc]) -> None:
    for component, pod in pods(docs).items():
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        assert all(set(volume) & {"emptyDir", "projected"} for volume in pod["volumes"])
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["runAsNonRoot"] is True
            assert context["readOnlyRootFilesystem"] is True
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["runAsUser"] == 10001
            assert (context["seccompProfile"]["type"] == "RuntimeDefault") == (component != "agent")
            assert ("procMount" in context) == (component == "agent")
            assert container["resources"]["limits"]["memory"]
    assert pods(docs)["agent"]["hostUsers"] is False


def test_there_is_one_clock(docs: list[Doc]) -> None:
    (beat,) = [doc for doc in docs if doc["kind"] == "Deployment" and doc["metadata"]["name"] == "jm-beat"]
    assert (beat["spec"]["replicas"], beat["spec"]["strategy"]) == (1, {"type": "Recreate"})


def test_the_receiver_alone_is_reached(whole: list[Doc]) -> None:
    (service,) = [doc for doc in whole if doc["kind"] == "Service"]
    assert service["spec"]["selector"]["app.kubernetes.io/component"] == "web"
    (ingress,) = [doc for doc in whole if doc["kind"] == "Ingress"]
    (path,) = ingress["spec"]["rules"][0]["http"]["paths"]
    assert (path["path"], path["backend"]["service"]["name"]) == ("/webhooks", "jm-web")
    assert {name: bool(policy.get("ingress")) for name, policy in policies(whole)} == {
        "": False,
        "web": True,
        "broker": False,
        "agent": False,
        "beat": False,
        "migrations": False,
    }


def policies(docs: list[Doc]) -> Iterator[tuple[str, Doc]]:
    for doc in docs:
        if doc["kind"] == "NetworkPolicy":
            labels = doc["spec"]["podSelector"]["matchLabels"]
            assert doc["spec"]["policyTypes"] == ["Ingress", "Egress"]
            yield labels.get("app.kubernetes.io/component", ""), doc["spec"]


def may_reach(spec: Doc, address: str, port: int) -> bool:
    """Tell whether a policy lets its pods reach an address outside the cluster."""
    for rule in spec.get("egress", []):
        if port not in [one["port"] for one in rule["ports"]]:
            continue
        for to in rule["to"]:
            block = to.get("ipBlock")
            inside = block is not None and ip_address(address) in ip_network(block["cidr"])
            if inside and not any(ip_address(address) in ip_network(one) for one in block.get("except", [])):
                return True
    return False


@pytest.mark.parametrize(
    ("what", "address", "port", "who"),
    [
        ("the database", "10.1.2.3", 5432, {"web", "broker", "agent", "migrations"}),
        ("Redis", "10.1.2.3", 6379, {"web", "broker", "agent", "beat"}),
        ("the forge, or a model", "140.82.112.3", 443, {"broker", "agent"}),
        ("the cloud's metadata", "169.254.169.254", 443, set()),
        ("the cloud's metadata, plain", "169.254.169.254", 80, set()),
        ("anything else", "140.82.112.3", 22, set()),
    ],
)
def test_who_reaches_what(what: str, address: str, port: int, who: set[str], whole: list[Doc]) -> None:
    assert {name for name, spec in policies(whole) if may_reach(spec, address, port)} == who, what


def test_a_model_inside_is_the_agents_alone_and_a_closed_forge_the_brokers() -> None:
    values = {
        "network.model.networks[0]": "10.9.0.0/16",
        "network.model.port": "8000",
        "network.forge.networks[0]": "10.8.0.1/32",
    }
    docs = rendered(**MINE, **values)
    assert {name for name, spec in policies(docs) if may_reach(spec, "10.9.1.1", 8000)} == {"agent"}
    assert {name for name, spec in policies(docs) if may_reach(spec, "140.82.112.3", 443)} == set()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "secrets.connections.existing"),
        ({**MINE, "broker.replica": "2"}, "replica"),
        ({**MINE, "secrets.broker.values.GITHUB_TOKEN": "x"}, "GITHUB_TOKEN"),
        ({**MINE, "web.port": "80"}, "port"),
        ({**MINE, "web.ingress.enabled": "true"}, "web.ingress.host is needed"),
        ({**MINE, "network.forge.networks[0]": "everywhere"}, "everywhere"),
        ({**MINE, "secrets.beat.existing": "x"}, "beat"),
    ],
)
def test_values_that_cannot_work_are_refused(values: dict[str, str], said: str) -> None:
    done = helm("template", "jm", **values)
    assert done.returncode != 0
    assert said in done.stderr


def test_the_trial_makes_its_secrets_and_no_other(whole: list[Doc]) -> None:
    made = {doc["metadata"]["name"]: doc["stringData"] for doc in rendered(**TRIAL) if doc["kind"] == "Secret"}
    assert set(made) == {"jm-connections", "jm-broker", "jm-web"}
    assert made["jm-broker"] == {"JOURNEYMAN_GITHUB_TOKEN": "t"}
    assert not [doc for doc in whole if doc["kind"] == "Secret"]
