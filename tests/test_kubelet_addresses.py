"""Where a kubelet is, as its Node states it, and what a hostile Node cannot do."""

from __future__ import annotations

import msgspec
import pytest
from tests import kubelets

from kubevitals.kube import objects
from kubevitals.sources.kubelet import addresses


def locate(
    *listed: tuple[str, str], port: int | None = None, stated: int | None = None, path: str | None = None
) -> addresses.Kubelet:
    wire = kubelets.node("node-1", stated or 0, path=path)
    wire["status"]["addresses"] = [{"type": kind, "address": address} for kind, address in listed]
    if stated is None:
        del wire["status"]["daemonEndpoints"]
    return addresses.locate(msgspec.convert(wire, objects.KubeletNode), port=port)


def place(kubelet: addresses.Kubelet) -> str | None:
    return None if kubelet.address is None else str(kubelet.address)


INTERNAL = ("InternalIP", "10.0.0.7")


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ([("Hostname", "node-1"), ("ExternalIP", "192.0.2.1"), INTERNAL], "https://10.0.0.7:10250"),
        ([("Hostname", "node-1"), ("ExternalIP", "192.0.2.1")], "https://192.0.2.1:10250"),
        ([("Hostname", "node-1.example")], "https://node-1.example:10250"),
        ([("InternalIP", "fd00::7")], "https://[fd00::7]:10250"),
        ([("InternalDNS", "node-1")], None),
        ([("InternalIP", "evil.example")], None),
        ([("InternalIP", "10.0.0.7@evil.example")], None),
        ([("InternalIP", "10.0.0.7\r\nX: y")], None),
        ([("Hostname", "evil/x")], None),
        ([("Hostname", "")], None),
        ([], None),
    ],
)
def test_preferred_address(listed: list[tuple[str, str]], expected: str | None) -> None:
    """InternalIP goes before ExternalIP before Hostname; what is no address is passed over."""
    found = locate(*listed)
    assert place(found) == expected
    assert (found.problem is None) == (expected is not None)


def test_port() -> None:
    """The port is the one given, else the one that the node states; at port 0 nobody is asked."""
    assert place(locate(INTERNAL, stated=10251)) == "https://10.0.0.7:10251"
    assert locate(INTERNAL, stated=0).problem == "it states no port of a kubelet"
    assert place(locate(INTERNAL, stated=0, port=10250)) == "https://10.0.0.7:10250"
    assert place(locate(INTERNAL, stated=10251, port=4194)) == "https://10.0.0.7:4194"
    assert locate(INTERNAL, stated=70000).problem == "it states no port of a kubelet"


@pytest.mark.parametrize(
    "path", ["/metrics/resource", "/metrics/nodes/node-1/metrics/resource", "/a_b~c:d@e=f"]
)
def test_path_of_the_annotation(path: str) -> None:
    """The annotation that metrics-server honours says where below the address to ask."""
    assert locate(INTERNAL, path=path)[2:] == (path, None)


@pytest.mark.parametrize(
    "path",
    [
        "metrics",
        "//evil.example/metrics",
        "https://evil.example/",
        "/../../pods",
        "/metrics/../exec",
        "/metrics/./x",
        "/%2e%2e/pods",
        "/metrics?x=y",
        "/metrics#x",
        "/metrics\r\nX-Evil: 1",
        "/metrics\r\n\r\nGET /other HTTP/1.1",
        "/a b",
        "/a\\b",
        "/é",
        "/",
        "@evil.example/",
        "/" + "a" * 2000,
    ],
)
def test_hostile_annotation(path: str) -> None:
    """An annotation that is no plain path makes the kubelet one that is not asked at all."""
    found = locate(INTERNAL, path=path)
    assert (found.address, found.path) == (None, "")
    assert found.problem == "its annotation metrics.k8s.io/resource-metrics-path is no plain path"


def test_siblings() -> None:
    """The kubelet's other endpoints stand beside that of the metrics."""
    assert locate(INTERNAL).sibling("/stats/summary") == "/stats/summary"
    assert locate(INTERNAL, path="/n/1/metrics/resource").sibling("/stats/summary") == "/n/1/stats/summary"
    assert locate(INTERNAL, path="/other").sibling("/stats/summary") == "/stats/summary"
