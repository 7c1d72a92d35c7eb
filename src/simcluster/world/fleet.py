"""The fleet: ordinary deployments of product teams, as many as the wanted number of pods takes."""

from __future__ import annotations

from simcluster.world import catalogue, pod_template

TYPE_CHECKING = False
if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

_TEAMS = (
    "shop",
    "checkout",
    "payments",
    "logistics",
    "identity",
    "search",
    "pricing",
    "loyalty",
    "support",
    "warehouse",
    "returns",
    "partners",
    "content",
    "media",
    "mobile",
    "analytics",
    "billing",
    "fulfilment",
    "suppliers",
    "gifts",
    "tax",
    "insights",
    "experiments",
    "messaging",
)
_STAGES = ("", "staging", "eu", "us", "apac", "canary", "preview", "load")
_THINGS = (
    "account",
    "address",
    "basket",
    "campaign",
    "coupon",
    "customer",
    "delivery",
    "discount",
    "event",
    "inventory",
    "invoice",
    "label",
    "notification",
    "offer",
    "purchase",
    "parcel",
    "price",
    "profile",
    "quote",
    "rating",
    "refund",
    "review",
    "route",
    "session",
    "shipment",
    "stock",
    "subscription",
    "ticket",
    "tracking",
    "voucher",
    "wishlist",
)
_ROLES = ("api", "worker", "gateway", "indexer", "cache", "consumer", "scheduler", "sync", "web", "projector")
_REPLICAS = (1, 2, 2, 3, 3, 4, 6, 8, 12)
# (CPU request, limit; memory request, limit) in millicores and MiB, as teams really write them.
_SHAPES = (
    (50, 200, 96, 192), (100, 500, 128, 256), (100, 0, 128, 256), (200, 1000, 256, 512), (100, 100, 128, 128),
    (150, 300, 192, 192), (250, 0, 384, 512), (0, 0, 0, 0), (20, 100, 64, 128), (300, 1200, 512, 768),
)  # fmt: skip


def entries(pods: int, *, random: random.Random) -> Iterator[catalogue.Entry]:
    """Workloads with `pods` pods in all. Larger fleets have larger deployments."""
    factor = 1 if pods < 2000 else 2 if pods < 20000 else 5
    number = 0
    while pods > 0:
        team, stage, thing, role = _names(number)
        replicas = min(pods, random.choice(_REPLICAS) * factor)
        namespace = f"{team}-{stage}" if stage else team
        scenario = _scenario(number)
        stateful = role == "cache" and replicas <= 12
        yield catalogue.Entry(
            namespace,
            f"{thing}-{role}",
            "StatefulSet" if stateful else "Deployment",
            replicas,
            _pod_template(
                f"{team}/{thing}-{role}:1.{number % 40}.{number % 7}",
                role,
                random=random,
                leaks=scenario == "leak",
            ),
            scenario=scenario,
            port=80 if role in ("api", "gateway", "web", "cache") else 0,
            hpa=(max(1, replicas - 1), replicas * 3, 70) if role == "web" else None,
            tier={"web": "frontend", "cache": "data"}.get(role, "backend"),
        )
        pods -= replicas
        number += 1


def _names(number: int) -> tuple[str, str, str, str]:
    """Every combination once: teams vary fastest, so that each namespace fills slowly."""
    per_stage = len(_THINGS) * len(_ROLES)
    index = number % len(_TEAMS)
    turn = number // len(_TEAMS)
    within, stage = turn % per_stage, turn // per_stage
    # 31 things and 10 roles have no common divisor, so each team walks through all pairs, from its own start.
    thing = _THINGS[(within + index * 13) % len(_THINGS)]
    role = _ROLES[(within + index * 3) % len(_ROLES)]
    name = _STAGES[stage % len(_STAGES)]
    if stage >= len(_STAGES):
        name = f"{name or 'main'}{stage // len(_STAGES) + 1}"
    return _TEAMS[index], name, thing, role


def _scenario(number: int) -> str:
    """Scenarios with problems are rare; their number grows with the cluster."""
    return {
        53: "crashloop",
        97: "leak",
        131: "bad-image",
        160: "above-request",
        30: "restarted",
        78: "scaling",
    }.get(number % 200, "")


def _pod_template(image: str, role: str, *, random: random.Random, leaks: bool) -> pod_template.PodTemplate:
    cpu, cpu_limit, memory, memory_limit = _SHAPES[0] if leaks else random.choice(_SHAPES)
    use_cpu = int((cpu or 40) * random.uniform(0.15, 0.75))
    use_memory = int((memory or 60) * random.uniform(0.4, 0.92))
    app = pod_template.Container(
        "app",
        f"registry.shop.example/{image}",
        cpu=(cpu, cpu_limit, use_cpu),
        memory=(memory, memory_limit, use_memory),
        rhythm="nightly" if role == "indexer" else "flat" if role in ("scheduler", "sync") else "daily",
        leak_minutes=75 if leaks else 0,
        port=8080 if role != "worker" else 0,
    )
    containers: tuple[pod_template.Container, ...] = (app,)
    if role == "cache":
        containers += (
            pod_template.Container(
                "exporter", "docker.io/oliver006/redis_exporter:v1.79.0", cpu=(10, 50, 1), memory=(16, 32, 12)
            ),
        )
    return pod_template.PodTemplate(containers)
