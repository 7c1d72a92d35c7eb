"""The doctor's engine, command and documents, on simulated clusters."""

from __future__ import annotations

import json
import pathlib
from random import Random
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest

import kubevitals
from kubevitals import cli, doctor, errors, rbac
from kubevitals.doctor import checks, commands, explanation, layers, subjects
from kubevitals.surfaces.view import doctortext

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals.doctor import report as reports

ROOT = pathlib.Path(__file__).parents[1]
SCHEMA = jsonschema_rs.validator_for(json.loads((ROOT / "docs/doctor.schema.json").read_text()))


def examine(*faults: str, **options: Any) -> reports.Report:
    """Examine a simulated cluster with these faults."""
    with kubevitals.connect(simulation={"faults": list(faults)}) as cluster:
        return doctor.examine(cluster.client, doctor.Options(**options))


def test_document_follows_its_schema() -> None:
    """What to_dict() returns is described by the published schema, with findings, without, without rights."""
    for faults in ((), ("metrics-absent",), ("forbidden",)):
        document = examine(*faults).to_dict()
        SCHEMA.validate(document)
        broken = document | {"verdict": "perhaps"}
        assert not SCHEMA.is_valid(broken)


def test_ids_are_words_of_their_own() -> None:
    """Each finding has an id, a layer and a page of its own."""
    ids = [page.id for page in checks.diagnoses()]
    assert len(ids) == len(set(ids))
    for name, page in explanation.diagnoses().items():
        assert page.layer in layers.LAYERS
        assert page.cause
        assert page.check
        assert page.fix
        assert name in doctor.explain(name)


def test_docs_list_all_findings() -> None:
    """docs/doctor.md ends with the tables that the checks make."""
    text = (ROOT / "docs/doctor.md").read_text()
    assert text.partition("<!-- findings -->\n\n")[2] == explanation.table()


def test_rights_of_the_checks_are_the_feature() -> None:
    """What checks need is what the three features of the doctor grant."""
    granted = {
        (rule.group, rule.resource, verb)
        for name in ("doctor", "doctor-logs", "doctor-security")
        for rule in rbac.FEATURES[name].rules
        for verb in rule.verbs
    }
    needed = {
        (need.right.group, need.right.resource, need.right.verb)
        for check in checks.CHECKS
        for need in check.needs
    }
    assert needed <= granted


def test_no_rights_is_not_examined(capsys: pytest.CaptureFixture[str]) -> None:
    """Without any right the code is 3, the first line says that this is no all-clear, and what to ask for."""
    assert cli.main(["doctor", "--simulation", "fault=forbidden"]) == 3
    text = capsys.readouterr().out
    assert text.startswith("NOT EXAMINED")
    assert "no all-clear" in text
    assert "kubevitals rbac --features doctor" in text


def test_unreachable_is_not_examined(capsys: pytest.CaptureFixture[str]) -> None:
    """An API server that nobody answers for gives 3, and names its layer."""
    assert cli.main(["doctor", "--server", "https://127.0.0.1:1", "--token", "x"]) == 3
    assert capsys.readouterr().out.startswith("NOT EXAMINED  API server: ")


def test_unknown_words_are_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """A layer, a finding or a word that does not exist is wrong usage."""
    for words in (["--only", "nope"], ["explain", "nope"], ["nope"]):
        assert cli.main(["doctor", "--simulate", *words]) == 2
        assert "nope" in capsys.readouterr().err
    with pytest.raises(errors.UsageError):
        doctor.explain("nope")


def test_requests_are_bounded_and_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """All requests but access reviews are GETs, and they are few."""
    with kubevitals.connect(simulate=True) as cluster:
        sent: list[tuple[str, str]] = []
        original = cluster.client.http.request

        def record(method: str, path: str, *rest: Any, **named: Any) -> Any:
            sent.append((method, path))
            return original(method, path, *rest, **named)

        monkeypatch.setattr(cluster.client.http, "request", record)
        found = doctor.examine(cluster.client)
    assert {path.rpartition("/")[2] for method, path in sent if method != "GET"} <= {
        "selfsubjectaccessreviews",
        "selfsubjectreviews",
    }
    assert found.requests == sum(method == "GET" for method, _ in sent) < 80


def test_commands_carry_the_context() -> None:
    """Each printed command names the context and the place of the object."""
    found = examine()
    for finding in found.findings:
        for lines in commands.fill(finding, "my ctx"):
            for line in filter(commands.is_command, lines):
                assert "'my ctx'" in line


def test_redacted_names_are_gone(capsys: pytest.CaptureFixture[str]) -> None:
    """--redact leaves no name of a node, a user or the context."""
    assert cli.main(["doctor", "--simulate", "--redact", "-o", "json"]) == 1
    text = capsys.readouterr().out
    SCHEMA.validate(json.loads(text))
    assert "general-3" not in text
    assert '"context": "context"' in text


@pytest.fixture(scope="module")
def calm() -> Iterator[kubevitals.Cluster]:
    """A calm simulated cluster."""
    with kubevitals.connect(simulation={"calm": True}) as connected:
        yield connected


def ask(cluster: kubevitals.Cluster, kind: str, name: str, *faults: str) -> list[str]:
    """Return what is found of one object, with these faults."""
    assert cluster.world is not None
    cluster.world.set_faults(faults)
    try:
        options = doctor.Options(subject=subjects.parse(kind, name))
        return [each.id for each in doctor.examine(cluster.client, options).findings]
    finally:
        cluster.world.set_faults([])


def test_one_object_has_its_own_chain(calm: kubevitals.Cluster) -> None:
    """Of a pod, a node and an autoscaler only what they stand on is found, and their own faults."""
    pod = next(each for each in calm.pods(namespace="kube-system") if each.name.startswith("coredns"))
    name = f"kube-system/{pod.name}"
    assert ask(calm, "pod", name) == []
    assert ask(calm, "pod", name, "metrics-no-pods")[0] == "metrics_server_pods_missing"
    assert ask(calm, "pod", name, "monitor-unselected", "hpa-request-missing") == []
    assert ask(calm, "node", pod.node or "", "kubelet-no-ip-san") == ["kubelet_certificate_no_ip_san"]
    assert ask(calm, "node", "general-3", "kubelet-one-slow") == []
    assert ask(calm, "node", "control-1", "kubelet-one-slow") == ["kubelet_slow"]
    assert ask(calm, "hpa", "shop/storefront", "hpa-request-missing") == ["hpa_request_missing"]
    assert ask(calm, "hpa", "shop/storefront", "metrics-server-certificate-expired") == [
        "metrics_server_certificate_expired"
    ]


def test_a_pod_that_does_not_run() -> None:
    """A pod that waits for its image is said not to run: nothing is missing."""
    with kubevitals.connect(simulation={}) as cluster:
        pod = next(each for each in cluster.pods() if each.status == "Pending")
        assert ask(cluster, "pod", f"{pod.namespace}/{pod.name}")[-1] == "pod_not_running"


def test_an_object_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    """A name that does not exist, or is incomplete, is wrong usage."""
    for words in (["pod", "shop/nope"], ["pod", "nope"], ["node", "nope"], ["hpa/nope"], ["pod"]):
        assert cli.main(["doctor", "--simulate", *words]) == 2, words
        assert capsys.readouterr().err.startswith("error: ")


def distort(value: Any, random: Random) -> Any:
    """Return decoded JSON with some parts of another shape, or hostile."""
    if random.random() < 0.08:
        return random.choice([None, 7, -1.5, True, [], {}, [None], {"a": []}, "\x1b[31mred\x07", "x" * 5000])
    if isinstance(value, dict):
        return {key: distort(each, random) for key, each in value.items()}
    if isinstance(value, list):
        return [distort(each, random) for each in value]
    return value


@pytest.mark.parametrize("seed", range(12))
def test_an_api_server_that_lies(
    monkeypatch: pytest.MonkeyPatch, calm: kubevitals.Cluster, seed: int
) -> None:
    """Answers of any shape give a report of the schema, without a character that steers a terminal."""
    random = Random(seed)
    original = calm.client.fetch
    assert calm.world is not None
    calm.world.set_faults(["monitor-wrong-port", "target-down", "hpa-request-missing"])

    def lie(path: str, *rest: Any, **named: Any) -> bytes:
        body = original(path, *rest, **named)
        try:
            decoded = json.loads(body)
        except ValueError:
            return body
        return json.dumps(distort(decoded, random)).encode()

    monkeypatch.setattr(calm.client, "fetch", lie)
    try:
        found = doctor.examine(calm.client, doctor.Options(concurrency=1))
    finally:
        calm.world.set_faults([])
    SCHEMA.validate(found.to_dict())
    shown = doctortext.render(found, code=1, wide=True)
    assert all(line.isprintable() for line in shown.splitlines())


def test_time_and_requests_end(calm: kubevitals.Cluster) -> None:
    """When the time is up nothing more is asked: what is left is unknown, and the report says why."""
    ticks = iter(range(10_000))
    found = doctor.examine(
        calm.client, doctor.Options(timeout=12.0, concurrency=1), clock=lambda: next(ticks)
    )
    assert found.requests < 15
    assert any("ran out of time" in each for each in found.problems)
    assert found.verdict in ("incomplete", "not_examined")
