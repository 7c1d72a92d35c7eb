from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simcluster.world import json_text, pod_template

AMOUNT = st.integers(0, 4000)


def container(cpu: int, *, sidecar: bool = False, limit: int = 0) -> pod_template.Container:
    return pod_template.Container(
        "c", "example/c:1", cpu=(cpu, limit, 0), memory=(cpu, limit, 0), sidecar=sidecar
    )


@given(plain=st.lists(AMOUNT, max_size=4), main=st.lists(AMOUNT, min_size=1, max_size=4))
def test_init_containers_count_one_by_one(plain: list[int], main: list[int]) -> None:
    """Without sidecars a pod asks for the larger of its containers' sum and its largest init container."""
    pod = pod_template.PodTemplate(
        tuple(container(cpu) for cpu in main), init=tuple(container(cpu) for cpu in plain)
    )
    assert pod.cpu_request == max(sum(main), max(plain, default=0))
    assert pod.memory_request == pod.cpu_request * json_text.MEBIBYTE


@given(side=AMOUNT, later=AMOUNT, main=AMOUNT)
def test_sidecars_count_beside_what_starts_after_them(side: int, later: int, main: int) -> None:
    """A sidecar is added to the containers and to init containers that start after it."""
    pod = pod_template.PodTemplate((container(main),), init=(container(side, sidecar=True), container(later)))
    assert pod.cpu_request == max(side + main, side + later)


def test_overhead_and_pod_resources() -> None:
    """Pod-level resources stand in place of the containers', and overhead comes on top."""
    pod = pod_template.PodTemplate((container(50),), pod_resources=(200, 400, 300, 600), overhead=(10, 20))
    assert (pod.cpu_request, pod.memory_request) == (210, 320 * json_text.MEBIBYTE)


def test_qos_classes() -> None:
    """Guaranteed needs equal requests and limits everywhere; BestEffort none at all."""
    assert pod_template.PodTemplate((container(100, limit=100),)).qos == "Guaranteed"
    assert pod_template.PodTemplate((container(0),)).qos == "BestEffort"
    assert pod_template.PodTemplate((container(100, limit=100), container(0))).qos == "Burstable"
    assert pod_template.PodTemplate((container(0),), pod_resources=(1, 1, 2, 2)).qos == "Guaranteed"
