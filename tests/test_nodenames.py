"""Which node is meant by a name."""

from __future__ import annotations

import pytest

from kubevitals import model, nodenames

NODES = [
    model.Node(
        "ip-10-0-0-1.eu.internal",
        ip="10.0.0.1",
        addresses=("10.0.0.1", "203.0.113.7", "Web-1.example.com"),
        labels={"kubernetes.io/hostname": "web-1"},
        provider_id="aws:///eu-1a/i-0abc",
    ),
    model.Node(
        "n2", ip="fd00::2", addresses=("fd00::2", "shared.example.com"), provider_id="kind://docker/kind/n2"
    ),
    model.Node("n3", addresses=("10.0.0.3", "shared.example.com"), labels={"kubernetes.io/hostname": "n2"}),
]
FIRST = NODES[0].name


@pytest.mark.parametrize(
    ("called", "name"),
    [
        (FIRST, FIRST),
        ("IP-10-0-0-1.EU.internal", FIRST),
        ("10.0.0.1", FIRST),
        ("203.0.113.7", FIRST),
        ("web-1.example.com.", FIRST),
        ("web-1", FIRST),
        ("i-0abc", FIRST),
        ("aws:///eu-1a/i-0abc", FIRST),
        ("fd00:0:0::2", "n2"),
        ("[FD00::2]", "n2"),
        ("10.0.0.3", "n3"),
        ("n2", "n2"),  # a name goes before what another node is called
        ("shared.example.com", None),  # two are
        ("web", None),
        ("", None),
        ("::x::", None),
    ],
)
def test_a_node_by_what_it_is_called(called: str, name: str | None) -> None:
    """Names, all addresses, the host name and the machine's id mean a node; what means two means none."""
    assert nodenames.NodeNames.of(NODES).find((called,)) == name


def test_the_first_name_that_tells_counts() -> None:
    """Of several names of the same node those that mean nothing are passed over."""
    names = nodenames.NodeNames.of(NODES)
    assert names.find(("unknown", "shared.example.com", "10.0.0.3", "n2")) == "n3"
    assert names.find(()) is None


@pytest.mark.parametrize(
    ("instance", "host"),
    [
        ("10.0.0.1:9100", "10.0.0.1"),
        ("[fd00::1]:9100", "fd00::1"),
        ("fd00::1", "fd00::1"),
        ("worker-1", "worker-1"),
        ("worker-1:https", "worker-1:https"),
        ("", ""),
    ],
)
def test_the_host_of_a_target(instance: str, host: str) -> None:
    """The port goes, and so do the brackets of an IPv6 address."""
    assert nodenames.host_of(instance) == host
