"""What a pod asks for in all, held against a direct re-statement of Kubernetes' own helper."""

from __future__ import annotations

from typing import Any

import hypothesis
import msgspec
import pytest
from hypothesis import strategies

from kubevitals import errors
from kubevitals.kube import objects, podresources

Json = dict[str, Any]
MI = 1024**2


def pod(spec: Json, status: Json | None = None) -> objects.Pod:
    return msgspec.convert({"metadata": {}, "spec": spec, "status": status or {}}, objects.Pod)


def container(
    name: str = "app",
    *,
    cpu: str | None = None,
    memory: str | None = None,
    limits: Json | None = None,
    sidecar: bool = False,
) -> Json:
    requests = {key: value for key, value in (("cpu", cpu), ("memory", memory)) if value is not None}
    made: Json = {"name": name, "resources": {"requests": requests, "limits": limits or {}}}
    if sidecar:
        made["restartPolicy"] = "Always"
    return made


def requests(spec: Json, status: Json | None = None) -> podresources.Amounts:
    return podresources.sum_requests(pod(spec, status))


def test_containers_add_up() -> None:
    """Requests of the containers add up without drift."""
    spec = {"containers": [container(str(number), cpu="0.1", memory="10Mi") for number in range(3)]}
    assert requests(spec) == (0.3, 30 * MI)


def test_undeclared_is_unknown() -> None:
    """A resource that no container asks for is unknown, not zero; one that asks for zero asked."""
    assert requests({"containers": [{"name": "app"}]}) == (None, None)
    assert requests({"containers": [container(cpu="100m"), container("b")]}) == (0.1, None)
    assert requests({"containers": [container(cpu="0", memory="0")]}) == (0.0, 0)
    assert requests({"containers": []}) == (None, None)


def test_a_large_init_container_counts() -> None:
    """An init container that needs more than all others together decides."""
    spec = {
        "containers": [container("a", cpu="100m", memory="100Mi"), container("b", cpu="100m")],
        "initContainers": [container("init", cpu="1", memory="50Mi"), container("again", cpu="300m")],
    }
    assert requests(spec) == (1.0, 100 * MI)


def test_sidecars_add_up_and_stand_beside_later_init_containers() -> None:
    """A sidecar counts with the containers, and on top of the init containers that start after it alone."""
    sidecar = container("proxy", cpu="200m", sidecar=True)
    init = container("init", cpu="1")
    plain = [container("a", cpu="100m")]
    assert requests({"containers": plain, "initContainers": [sidecar, init]}) == (1.2, None)
    assert requests({"containers": plain, "initContainers": [init, sidecar]}) == (1.0, None)
    assert requests({"containers": plain, "initContainers": [sidecar]}) == (0.3, None)


def test_overhead_comes_on_top() -> None:
    """What the runtime class needs for itself is added, even where the containers ask for nothing."""
    overhead = {"cpu": "250m", "memory": "120Mi"}
    spec = {"containers": [container(cpu="1", memory="8Mi")], "overhead": overhead}
    assert requests(spec) == (1.25, 128 * MI)
    assert requests({"containers": [container()], "overhead": overhead}) == (0.25, 120 * MI)


def test_pod_level_resources_replace_the_sum() -> None:
    """What is set for the pod as a whole stands instead of the sum, each resource for itself."""
    spec = {
        "containers": [container(cpu="1", memory="1Mi")],
        "initContainers": [container("init", cpu="9")],
        "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "3"}},
        "overhead": {"cpu": "100m"},
    }
    assert requests(spec) == (2.1, MI)
    assert podresources.sum_limits(pod(spec)) == (3.1, None)


def resized(spec_cpu: str, running: str, allocated: str, *, infeasible: bool = False) -> float | None:
    status: Json = {
        "containerStatuses": [
            {
                "name": "app",
                "resources": {"requests": {"cpu": running}},
                "allocatedResources": {"cpu": allocated},
            }
        ]
    }
    if infeasible:
        status["conditions"] = [{"type": "PodResizePending", "status": "True", "reason": "Infeasible"}]
    return requests({"containers": [container(cpu=spec_cpu)]}, status)[0]


def test_resize_in_place() -> None:
    """While a container is resized the larger of what it asks for, has and is promised counts."""
    assert resized("500m", "200m", "200m") == 0.5
    assert resized("200m", "500m", "200m") == 0.5
    assert resized("200m", "300m", "400m") == 0.4


def test_infeasible_resize() -> None:
    """A resize that can never happen leaves the pod at what it has."""
    assert resized("8", "200m", "300m", infeasible=True) == 0.3


LIMITED = {"cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize(
    ("in_force", "expected"),
    [
        ({"cpu": "500m", "memory": "512Mi"}, (0.5, 512 * MI)),
        ({"cpu": "2", "memory": "2Gi"}, (2.0, 2048 * MI)),
        ({"memory": "512Mi"}, (1.0, 512 * MI)),
        ({"cpu": "0"}, (None, 1024 * MI)),
        ({}, (1.0, 1024 * MI)),
        (None, (1.0, 1024 * MI)),
    ],
)
def test_the_limit_in_force(in_force: Json | None, expected: podresources.Amounts) -> None:
    """While a container is resized its limit is what its status says, of one container and of its pod."""
    spec = {"containers": [container(limits=LIMITED)]}
    made = pod(spec, {"containerStatuses": [{"name": "app", "resources": {"limits": in_force}}]})
    status = (made.status.container_statuses or [])[0]
    assert podresources.container_limits(made.spec.containers[0], status) == expected
    assert podresources.sum_limits(made) == expected


def test_a_limit_of_zero_is_none() -> None:
    """A limit of 0 bounds nothing: the runtime takes it for no limit, of containers and of pods."""
    zero = container(limits={"cpu": "0", "memory": "0"})
    assert podresources.sum_limits(pod({"containers": [zero]})) == (None, None)
    assert podresources.sum_limits(pod({"containers": [zero, container("b", limits=LIMITED)]})) == (
        None,
        None,
    )
    level = {"limits": {"cpu": "0", "memory": "2Gi"}}
    assert podresources.sum_limits(pod({"containers": [zero], "resources": level})) == (None, 2048 * MI)


@pytest.mark.parametrize("value", ["-1", "-5m", "-1Gi", -3])
def test_a_negative_amount_is_refused(value: str | int) -> None:
    """Nothing can be asked for that is less than nothing."""
    with pytest.raises(errors.QuantityError, match="is negative"):
        podresources.parse_amounts(msgspec.convert({"cpu": value}, objects.ResourceList))


def test_an_init_container_counts_by_its_spec() -> None:
    """The status of an init container that ends changes nothing: it is never resized."""
    spec = {"containers": [container(cpu="100m")], "initContainers": [container("init", cpu="500m")]}
    status = {"initContainerStatuses": [{"name": "init", "resources": {"requests": {"cpu": "4"}}}]}
    assert requests(spec, status) == (0.5, None)


def test_limits_add_up() -> None:
    """The limit of a pod is the sum over containers and sidecars that all have one."""
    both = {"cpu": "1", "memory": "64Mi"}
    spec = {
        "containers": [container("a", limits=both), container("b", limits=both)],
        "initContainers": [container("proxy", limits=both, sidecar=True)],
    }
    assert podresources.sum_limits(pod(spec)) == (3.0, 192 * MI)


def test_one_unlimited_container_makes_the_pod_unlimited() -> None:
    """A pod with a container that may use as much as it likes has no limit of that resource."""
    spec = {
        "containers": [
            container("a", limits={"cpu": "1", "memory": "1Mi"}),
            container("b", limits={"memory": "2Mi"}),
        ]
    }
    assert podresources.sum_limits(pod(spec)) == (None, 3 * MI)
    spec["initContainers"] = [container("proxy", limits={"cpu": "1"}, sidecar=True)]
    assert podresources.sum_limits(pod(spec)) == (None, None)


def test_an_unlimited_init_container_does_not() -> None:
    """An init container ends before the pod runs: that it has no limit says nothing of the pod's."""
    spec = {
        "containers": [container(limits={"cpu": "1", "memory": "1Mi"})],
        "initContainers": [container("init")],
    }
    assert podresources.sum_limits(pod(spec)) == (1.0, MI)


def test_overhead_of_limits() -> None:
    """Overhead is added to a limit where there is one, and makes none."""
    spec: Json = {"containers": [container(limits={"cpu": "1"})], "overhead": {"cpu": "1", "memory": "1Mi"}}
    assert podresources.sum_limits(pod(spec)) == (2.0, None)


def test_numbers_in_hand_made_json() -> None:
    """A bare JSON number means what it says."""
    wire = msgspec.convert({"cpu": 2, "memory": 1048576}, objects.ResourceList)
    assert podresources.parse_amounts(wire) == (2.0, MI)


def test_bad_quantity() -> None:
    """A value that is no quantity is an error that names it."""
    with pytest.raises(errors.QuantityError, match="12x"):
        requests({"containers": [container(cpu="12x"), container("b")]})


# --- the oracle: the Go helper's statements, one by one, in exact integers (millicores and bytes)

Amounts = dict[str, int]


def add_all(target: Amounts, more: Amounts) -> None:
    for key, value in more.items():
        target[key] = target.get(key, 0) + value


def max_all(target: Amounts, more: Amounts) -> None:
    for key, value in more.items():
        target[key] = max(target.get(key, value), value)


def pod_requests(spec: Json, statuses: dict[str, Json], *, infeasible: bool) -> Amounts:
    """component-helpers/resource PodRequests with UseStatusResources."""

    def of(each: Json, *, resizable: bool) -> Amounts:
        asked: Amounts = dict(each["requests"])
        status = statuses.get(each["name"])
        if not resizable or status is None or status["requests"] is None:
            return asked
        given: Amounts = {} if infeasible else asked
        max_all(given, status["requests"])
        max_all(given, status["allocated"])
        return given

    total: Amounts = {}
    for each in spec["containers"]:
        add_all(total, of(each, resizable=True))
    restartable: Amounts = {}
    initial: Amounts = {}
    for each in spec["init"]:
        amounts = of(each, resizable=each["sidecar"])
        if each["sidecar"]:
            add_all(total, amounts)
            add_all(restartable, amounts)
            amounts = dict(restartable)
        else:
            amounts = dict(amounts)
            add_all(amounts, restartable)
        max_all(initial, amounts)
    max_all(total, initial)
    total.update(spec["pod"])
    add_all(total, spec["overhead"])
    return total


AMOUNTS = strategies.fixed_dictionaries(
    {}, optional={"cpu": strategies.integers(0, 4000), "memory": strategies.integers(0, 2**33)}
)


def some(prefix: str, *, sidecars: bool) -> strategies.SearchStrategy[list[Json]]:
    one = strategies.fixed_dictionaries(
        {"requests": AMOUNTS, "sidecar": strategies.booleans() if sidecars else strategies.just(value=False)}
    )
    return strategies.lists(one, max_size=4).map(
        lambda many: [{**each, "name": f"{prefix}{index}"} for index, each in enumerate(many)]
    )


SPECS = strategies.fixed_dictionaries(
    {
        "containers": some("c", sidecars=False),
        "init": some("i", sidecars=True),
        "pod": AMOUNTS,
        "overhead": AMOUNTS,
    }
)
STATUSES = strategies.dictionaries(
    strategies.sampled_from(["c0", "c1", "c2", "i0", "i1", "i2"]),
    strategies.fixed_dictionaries(
        {"requests": strategies.one_of(strategies.none(), AMOUNTS), "allocated": AMOUNTS}
    ),
)


def wire(amounts: Amounts) -> Json:
    texts = {"cpu": f"{amounts['cpu']}m"} if "cpu" in amounts else {}
    return texts | ({"memory": str(amounts["memory"])} if "memory" in amounts else {})


def as_pod(spec: Json, statuses: dict[str, Json], *, infeasible: bool) -> objects.Pod:
    def as_container(each: Json) -> Json:
        made: Json = {"name": each["name"], "resources": {"requests": wire(each["requests"])}}
        return made | ({"restartPolicy": "Always"} if each["sidecar"] else {})

    def as_status(name: str, each: Json) -> Json:
        made: Json = {"name": name, "allocatedResources": wire(each["allocated"])}
        resources = (
            {"resources": {"requests": wire(each["requests"])}} if each["requests"] is not None else {}
        )
        return made | resources

    conditions = [{"type": "PodResizePending", "status": "True", "reason": "Infeasible"}]
    made: Json = {"containers": [as_container(each) for each in spec["containers"]]}
    made |= {"initContainers": [as_container(each) for each in spec["init"]]} if spec["init"] else {}
    made |= {"resources": {"requests": wire(spec["pod"])}} if spec["pod"] else {}
    made |= {"overhead": wire(spec["overhead"])} if spec["overhead"] else {}
    return pod(
        made,
        {
            "containerStatuses": [as_status(*each) for each in statuses.items() if each[0] in "c0c1c2"],
            "initContainerStatuses": [as_status(*each) for each in statuses.items() if each[0] in "i0i1i2"],
            "conditions": conditions if infeasible else [],
        },
    )


@hypothesis.given(SPECS, STATUSES, strategies.booleans())
def test_agrees_with_the_scheduler(spec: Json, statuses: dict[str, Json], infeasible: bool) -> None:
    """Whatever a pod is made of, its request is what the scheduler's helper computes, exactly."""
    expected = pod_requests(spec, statuses, infeasible=infeasible)
    cpu, memory = podresources.sum_requests(as_pod(spec, statuses, infeasible=infeasible))
    assert cpu == (expected["cpu"] / 1000 if "cpu" in expected else None)
    assert memory == expected.get("memory")
