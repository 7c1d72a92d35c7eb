"""Pods of every shape that the scheduler counts in its own way, the longest names, the oddest labels."""

from __future__ import annotations

from typing import Any

from tests.e2e import apiclient, population

SHAPES = "shapes"  # a namespace, and the node that its pods are on
PLAIN = "plain"  # another node
ODD = "odd"
LONG = ".".join(["x" * 63] * 3 + ["x" * 61])  # 253 characters
LONG_NODE = "n" + LONG[1:]
LONG_NAMESPACE = "s" * 63
LONG_CONTAINER = "c" * 63
PREFIXED = f"{LONG}/{'k' * 63}"  # a label's key
VALUES = ("", "1", "true", "null", "1e3", "0x10", "a.b-c_D", "v" * 63, "2026-01-01", "no", "010")

container = population.container


def sized(name: str, cpu: str | None, memory: str | None, **more: Any) -> apiclient.Object:
    asked = {key: value for key, value in (("cpu", cpu), ("memory", memory)) if value is not None}
    return container(name, requests=asked, **more)


def sidecar(name: str, cpu: str, memory: str) -> apiclient.Object:
    return sized(name, cpu, memory, restartPolicy="Always")


def shape(name: str, *containers: apiclient.Object, init: Any = (), **spec: Any) -> apiclient.Object:
    more = {"initContainers": list(init), **spec} if init else spec
    return population.pod(
        name,
        namespace=SHAPES,
        node_name=SHAPES,
        containers=containers or [sized("app", "100m", "100Mi")],
        **more,
    )


def whole(**requests: str) -> apiclient.Object:
    return {"requests": requests}


POD_SHAPES = {
    "plain": shape("plain"),
    "nothing": shape("nothing", container("app")),
    "only-limits": shape("only-limits", container("app", limits={"cpu": "300m", "memory": "64Mi"})),
    "both": shape("both", sized("app", "250m", "1Gi", limits={"cpu": "2", "memory": "2Gi"})),
    "two": shape("two", sized("a", "100m", "50Mi"), sized("b", "0.2", None), container("c")),
    "units": shape(
        "units", sized("a", "1500m", "128974848"), sized("b", "0.1", "129M"), sized("c", "1", "1.5Gi")
    ),
    "large-init": shape("large-init", init=[sized("first", "1", "50Mi"), sized("second", "200m", "1Gi")]),
    "small-init": shape("small-init", init=[sized("first", "10m", "5Mi"), container("second")]),
    "sidecar": shape("sidecar", init=[sidecar("mesh", "70m", "30Mi")]),
    "sidecar-then-init": shape(
        "sidecar-then-init", init=[sidecar("mesh", "200m", "1Gi"), sized("last", "900m", "1Mi")]
    ),
    "init-then-sidecar": shape(
        "init-then-sidecar", init=[sized("first", "250m", "120Mi"), sidecar("mesh", "200m", "30Mi")]
    ),
    "two-sidecars": shape(
        "two-sidecars",
        sized("app", "10m", "10Mi"),
        init=[
            sidecar("one", "100m", "10Mi"),
            sized("between", "150m", "300Mi"),
            sidecar("two", "100m", "10Mi"),
        ],
    ),
    "overhead": shape("overhead", runtimeClassName="heavy"),
    "overhead-of-nothing": shape("overhead-of-nothing", container("app"), runtimeClassName="heavy"),
    "overhead-and-init": shape(
        "overhead-and-init", init=[sized("first", "3", "1Mi")], runtimeClassName="heavy"
    ),
    "pod-level": shape("pod-level", resources=whole(cpu="700m", memory="500Mi")),
    "pod-level-cpu": shape("pod-level-cpu", resources=whole(cpu="800m")),
    "pod-level-alone": shape("pod-level-alone", container("app"), resources=whole(memory="333Mi")),
    "pod-level-limits": shape(
        "pod-level-limits", resources={**whole(cpu="600m"), "limits": {"cpu": "900m", "memory": "900Mi"}}
    ),
    "pod-level-and-overhead": shape(
        "pod-level-and-overhead", resources=whole(cpu="1", memory="1Gi"), runtimeClassName="heavy"
    ),
    "pod-level-and-sidecar": shape(
        "pod-level-and-sidecar",
        init=[sidecar("mesh", "50m", "50Mi")],
        resources=whole(cpu="400m", memory="400Mi"),
    ),
}
RUNTIME = {
    "apiVersion": "node.k8s.io/v1",
    "kind": "RuntimeClass",
    "metadata": {"name": "heavy"},
    "handler": "heavy",
    "overhead": {"podFixed": {"cpu": "250m", "memory": "120Mi"}},
}


def odd_pods() -> list[apiclient.Object]:
    made = []
    for number, value in enumerate(VALUES):
        labels = {"odd": value, PREFIXED: value, "app": value, "parity": ("even", "odd")[number % 2]}
        made.append(
            population.pod(
                f"odd-{number}", namespace=ODD, node_name=LONG_NODE, labels=labels, cpu="20m", memory="20Mi"
            )
        )
    made.append(population.pod("bare", namespace=ODD, node_name=PLAIN, cpu="20m", memory="20Mi"))
    made.append(
        population.pod(
            LONG,
            namespace=LONG_NAMESPACE,
            node_name=LONG_NODE,
            containers=[container(LONG_CONTAINER, requests={"cpu": "10m", "memory": "10Mi"})],
            labels={"length": "long"},
            cpu="33m",
            memory="44Mi",
        )
    )
    return made


def waiting_pods() -> list[apiclient.Object]:
    """Pods that no kubelet touches: their status is what a test writes."""
    nodes = {"pending": SHAPES, "ended": SHAPES, "failed": SHAPES, "resized": PLAIN}
    return [
        population.pod(
            name,
            namespace=SHAPES,
            node_name=node,
            annotations={"stays.test/pending": ""},
            containers=[sized("app", "1", "1Gi")],
        )
        for name, node in nodes.items()
    ]
