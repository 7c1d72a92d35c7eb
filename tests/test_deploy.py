"""What is deployed: values and schema of the chart, plain manifests, image. No Helm and no cluster here."""

from __future__ import annotations

import copy
import importlib.machinery
import importlib.util
import json
import pathlib
import re
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
import yaml

import kubevitals
from kubevitals import cli, rbac
from kubevitals.cli import argumentparser
from kubevitals.cli.commands import serve

if TYPE_CHECKING:
    from types import ModuleType

ROOT = pathlib.Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm" / "kubevitals"
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
MANIFESTS = sorted((DEPLOY / "manifests").glob("*.yaml"))


def load(path: pathlib.Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text()))


def only(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = [each for each in objects if each["kind"] == kind]
    return found


@pytest.fixture(params=MANIFESTS, ids=lambda path: path.stem)
def objects(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """The objects of one of the plain manifests."""
    return load(request.param)


@pytest.fixture(scope="module")
def schema() -> Any:
    return jsonschema_rs.Draft7Validator(json.loads((CHART / "values.schema.json").read_text()))


@pytest.fixture(scope="module")
def renderer() -> ModuleType:
    """tools/render-deploy as a module."""
    loader = importlib.machinery.SourceFileLoader("render_deploy", str(ROOT / "tools" / "render-deploy"))
    spec = importlib.util.spec_from_loader("render_deploy", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


# --- one source


def test_rights_of_the_chart(renderer: ModuleType) -> None:
    """The chart's table of rights is the program's."""
    text = (CHART / "files" / "rights.yaml").read_text()
    assert text == renderer.render_rights(), "run tools/render-deploy"
    assert list(yaml.safe_load(text)) == list(rbac.FEATURES)


def test_versions() -> None:
    """Chart, program and image have one version."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == kubevitals.__version__
    for path in MANIFESTS:
        container = only(load(path), "Deployment")["spec"]["template"]["spec"]["containers"][0]
        assert container["image"] == f"kubevitals:{kubevitals.__version__}"


def test_manifests_are_known(renderer: ModuleType) -> None:
    """Each plain manifest is one that the script makes."""
    assert [path.name for path in MANIFESTS] == sorted(renderer.VARIANTS)


# --- values


def test_default_values_meet_the_schema(schema: Any) -> None:
    """The defaults are allowed, and the schema knows every one of them."""
    schema.validate(VALUES)
    described = json.loads((CHART / "values.schema.json").read_text())["properties"]
    assert set(VALUES) | {"global"} == set(described)
    for key, value in VALUES.items():
        if isinstance(value, dict) and value and "properties" in described[key]:
            assert set(value) <= set(described[key]["properties"]), key


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("auth.mode", "basic"),
        ("auth.mode", "token-file"),  # without a Secret
        ("auth.viewers", [{"kind": "ServiceAccount", "name": "a"}]),
        ("auth.viewers", [{"kind": "Robot", "name": "a"}]),
        ("auth.tokens", ["secret"]),
        ("source.name", "heapster"),
        ("source.prometheus.url", "prometheus:9090"),
        ("source.prometheus.url", "http://user:secret@prometheus:9090"),
        ("source.prometheus.tokenKey", "../token"),
        ("source.kubelet.fallback", "yes"),
        ("interval", 15),
        ("interval", "soon"),
        ("service.port", 0),
        ("service.type", "Magic"),
        ("scope.namespace", "Not_A_Name"),
        ("metrics.compat", ["node-exporter"]),
        ("history.enabled", "yes"),
        ("history.size", "large"),
        ("doctor.enabled", "yes"),
        ("doctor.interval", "30s"),
        ("networkPolicy.apiServerPorts", []),
        ("image.repository", ""),
        ("replica", 2),
    ],
)
def test_bad_values_are_refused(schema: Any, path: str, value: object) -> None:
    """Helm stops at a value that cannot be meant."""
    values = copy.deepcopy(VALUES)
    place = values
    *parents, key = path.split(".")
    for parent in parents:
        place = place[parent]
    place[key] = value
    assert not schema.is_valid(values)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("auth", {"mode": "token-file", "existingSecret": "tokens"}),
        ("auth", {"mode": "none"}),
        ("auth", {"mode": "kubernetes", "viewers": [{"kind": "Group", "name": "system:authenticated"}]}),
        ("metrics", {"compat": ["kube-state-metrics"], "labels": ["workload"]}),
        ("source", {"name": "kubelet", "kubelet": {"caConfigMap": "kubelet-ca", "detail": True}}),
        (
            "source",
            {
                "name": "prometheus",
                "prometheus": {"url": "https://p:9090/x", "existingSecret": "p", "caKey": "ca"},
            },
        ),
        ("interval", "1m"),
        ("resources", {"limits": {"cpu": 1, "memory": "1Gi"}}),
    ],
)
def test_good_values_are_allowed(schema: Any, path: str, value: object) -> None:
    """What the documentation speaks of is allowed."""
    assert schema.is_valid({**copy.deepcopy(VALUES), path: value})


# --- what runs


def test_pods_are_confined(objects: list[dict[str, Any]]) -> None:
    """The pod is nobody, writes nowhere, may nothing, asks for little, and tells how it is."""
    pod = only(objects, "Deployment")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["requests"] == {"cpu": "50m", "memory": "96Mi"}
    assert "memory" in container["resources"]["limits"]
    probes = [container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")]
    assert probes == ["/livez", "/livez", "/readyz"]
    for volume in pod.get("volumes", ()):
        assert set(volume) == {"name", "secret"}


def test_arguments_are_those_of_serve(objects: list[dict[str, Any]]) -> None:
    """The command line in the pod is one that the program takes, and it says who may ask."""
    pod = only(objects, "Deployment")["spec"]["template"]["spec"]
    command, *words = pod["containers"][0]["args"]
    assert command == "serve"
    assert command in cli.COMMANDS
    arguments = argumentparser.make_parser("kubevitals serve", serve).parse_args(words)
    assert arguments.auth in ("kubernetes", "token-file")


def test_accounts_bring_no_token_of_themselves(objects: list[dict[str, Any]]) -> None:
    """Only the service's own pod gets the account's token."""
    account = only(objects, "ServiceAccount")
    assert account["automountServiceAccountToken"] is False
    pod = only(objects, "Deployment")["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == account["metadata"]["name"]


def test_rights_are_the_features(objects: list[dict[str, Any]]) -> None:
    """The roles grant what the features that are on need, to the service's account and nobody else."""
    words = only(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"]
    namespaced = any(word.startswith("--namespace=") for word in words)
    features = [*rbac.choose((), namespace="x" if namespaced else None)]
    if "--auth=kubernetes" in words:
        features.append("auth")
    inside, outside = rbac.split(features, namespaced=namespaced)
    roles = {
        (each["kind"], each["metadata"]["name"]): each for each in objects if each["kind"].endswith("Role")
    }
    viewers = [key for key in roles if key[1].endswith("-viewer")]
    assert bool(viewers) == ("--auth=kubernetes" in words)
    for key in viewers:
        assert roles.pop(key)["rules"] == rbac.merge(rbac.FEATURES["viewer"].rules)
    granted = {kind: flat(role["rules"]) for (kind, _), role in roles.items()}
    expected = {"Role": flat(rbac.merge(inside)), "ClusterRole": flat(rbac.merge(outside))}
    assert granted == {kind: rules for kind, rules in expected.items() if rules}
    account = only(objects, "ServiceAccount")["metadata"]
    for each in objects:
        if each["kind"].endswith("Binding"):
            (subject,) = each["subjects"]
            assert (subject["name"], subject["namespace"]) == (account["name"], account["namespace"])
            assert (each["roleRef"]["kind"], each["roleRef"]["name"]) in roles


def flat(rules: list[dict[str, list[str]]]) -> set[tuple[str, str, str]]:
    """Verb, group and resource, one by one."""
    return {
        (verb, group, resource)
        for rule in rules
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def test_the_network_is_closed(objects: list[dict[str, Any]]) -> None:
    """One port is open to others, and of the world only the ports of an API server."""
    policy = only(objects, "NetworkPolicy")["spec"]
    pod = only(objects, "Deployment")["spec"]["template"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["ingress"] == [{"ports": [{"port": "http", "protocol": "TCP"}]}]
    assert [each["port"] for each in policy["egress"][0]["ports"]] == [443, 6443]
    for selector in (policy["podSelector"]["matchLabels"], only(objects, "Service")["spec"]["selector"]):
        assert selector.items() <= pod["metadata"]["labels"].items()


# --- the image


def test_the_image_is_small_and_nobody() -> None:
    """Two stages on a slim base, hashed dependencies, a numeric user, and what is copied is there."""
    text = (DEPLOY / "Dockerfile").read_text()
    stages = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert stages == ["python:${PYTHON}-slim"] * 2
    assert "--require-hashes" in text
    assert "--only-binary :all:" in text
    last = text.rpartition("FROM ")[2]
    assert re.search(r"^USER [1-9]\d+:[1-9]\d+$", last, re.MULTILINE)
    assert "RUN" not in last
    assert "ADD" not in text
    for source in re.findall(r"^COPY (?!--from)(\S+)", text, re.MULTILINE):
        assert (ROOT / source).exists()
        ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
        assert ignored[0] == "*"
        assert f"!{source}" in ignored


def test_the_image_has_what_it_needs() -> None:
    """Both packages are in the image; what makes certificates for a simulated cluster is not."""
    text = (DEPLOY / "Dockerfile").read_text()
    for package in (ROOT / "src").iterdir():
        if (package / "__init__.py").exists():
            assert f"/build/src/{package.name} " in text
    for name in ("runtime", "serve"):
        assert "cryptography" not in (ROOT / "requirements" / f"{name}.txt").read_text()
    assert "cryptography==" in (ROOT / "requirements" / "test.txt").read_text()


def test_the_image_runs_as_the_pod_says() -> None:
    """The user of the image is the user of the pod."""
    user = re.search(r"^USER (\d+):(\d+)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    assert user is not None
    for path in MANIFESTS:
        context = only(load(path), "Deployment")["spec"]["template"]["spec"]["securityContext"]
        assert (context["runAsUser"], context["runAsGroup"]) == (int(user[1]), int(user[2]))


# --- the documentation


def test_rights_are_documented() -> None:
    """The table of docs/deploy.md says of each feature exactly what the program's table says."""
    text = (ROOT / "docs" / "deploy.md").read_text()
    rows = re.findall(r"^\| `([\w-]+)` \| [^|]+ \| (`.+) \|$", text, re.MULTILINE)
    assert [name for name, _ in rows] == list(rbac.FEATURES)
    for name, cell in rows:
        said = {
            (verb, place)
            for verbs, places in re.findall(r"`([\w, ]+)`: ([^;]+)", cell)
            for verb in verbs.split(", ")
            for place in places.strip().split(", ")
        }
        rules = rbac.FEATURES[name].rules
        wanted = {
            (verb, rule.path or ".".join(filter(None, (rule.resource, rule.group))))
            for rule in rules
            for verb in rule.verbs
        }
        assert said == wanted, name


def test_values_are_documented() -> None:
    """Every value that docs/deploy.md names is one of the chart."""
    text = (ROOT / "docs" / "deploy.md").read_text()
    for path in re.findall(r"^\| `([a-zA-Z.]+\.[a-zA-Z]+|resources)` \|", text, re.MULTILINE):
        place: Any = VALUES
        for key in path.split("."):
            assert key in place, path
            place = place[key]


def test_options_are_documented() -> None:
    """Every option that docs/deploy.md names is one of serve or rbac."""
    from kubevitals.cli.commands import rbac as command

    text = (ROOT / "docs" / "deploy.md").read_text()
    known = {
        option
        for module in (serve, command)
        for action in argumentparser.make_parser("kubevitals", module)._actions
        for option in action.option_strings
    }
    others = {
        "--set",
        "--create-namespace",
        "--from-literal",
        "--clusterrole",
        "--serviceaccount",
        "--duration",
    }
    assert set(re.findall(r"--[a-z][a-z-]+", text)) - others <= known
