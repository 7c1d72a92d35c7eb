"""The named workloads of the simulated cluster: those of a made-up shop, and those that every cluster runs.

`scenario` names the state of a workload at the start and what happens to it later (see `scenarios`). Every
scenario of the table has to occur in a cluster of the default size.
"""

from __future__ import annotations

from typing import NamedTuple

from simcluster.world import pod_template

Container = pod_template.Container
PodTemplate = pod_template.PodTemplate


class Entry(NamedTuple):
    """One workload. `port` gives it a Service; `hpa` is (minimum, maximum, CPU target %)."""

    namespace: str
    name: str
    kind: str
    replicas: int
    template: PodTemplate
    scenario: str = ""
    port: int = 0
    hpa: tuple[int, int, int] | None = None
    schedule: str = ""
    tier: str = "backend"


# The tables are set by hand: one entry takes a few dense lines, not twenty.
# fmt: off


def _app(image: str, **options: object) -> Container:
    return Container("app", f"registry.shop.example/{image}", **options)  # type: ignore[arg-type]


_PROXY = Container(
    "mesh-proxy", "registry.shop.example/platform/mesh-proxy:1.29.1", cpu=(20, 200, 9), memory=(48, 128, 41),
    sidecar=True, port=15021,
)
_VAULT = Container("fetch-config", "registry.shop.example/platform/config-init:0.9.4", cpu=(50, 100, 1),
                   memory=(32, 64, 8))

# In this order a small cluster is filled, so the first ones matter most.
WORKLOADS: tuple[Entry, ...] = (
    Entry("kube-system", "metrics-server", "Deployment", 1, PodTemplate((
        Container("metrics-server", "registry.k8s.io/metrics-server/metrics-server:v0.9.0", cpu=(100, 0, 7),
                  memory=(200, 0, 34), port=10250,
                  arguments=("--cert-dir=/tmp", "--secure-port=10250", "--metric-resolution=15s",
                             "--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname",
                             "--kubelet-use-node-status-port")),
    ), priority_class="system-cluster-critical", user=1000), port=443),
    Entry("shop", "storefront", "Deployment", 3, PodTemplate((
        _app("shop/storefront:5.14.2", cpu=(150, 600, 120), memory=(192, 384, 150), rhythm="daily",
             port=8080),
    ), init=(_PROXY,)), scenario="scaling", port=80, hpa=(2, 8, 70), tier="frontend"),
    Entry("shop", "cart", "Deployment", 2, PodTemplate((
        _app("shop/cart:2.8.1", cpu=(100, 400, 140), memory=(128, 256, 96), rhythm="daily", port=8080),
    )), scenario="above-request", port=80),
    Entry("payments", "payment-gateway", "Deployment", 2, PodTemplate((
        _app("payments/gateway:3.2.0", cpu=(200, 200, 85), memory=(256, 256, 188), rhythm="daily", port=8443),
    )), port=443),
    Entry("payments", "ledger-db", "StatefulSet", 2, PodTemplate((
        Container("postgres", "docker.io/library/postgres:18.1", cpu=(250, 1000, 160),
                  memory=(768, 1024, 690), port=5432, rhythm="daily"),
        Container("exporter", "quay.io/prometheuscommunity/postgres-exporter:v0.18.1", cpu=(10, 50, 2),
                  memory=(24, 48, 19), port=9187),
    ), volume="data", grace=120), port=5432, tier="data"),
    Entry("checkout", "checkout-api", "Deployment", 2, PodTemplate((
        _app("checkout/api:7.0.3", cpu=(120, 500, 90), memory=(192, 320, 170), rhythm="daily", port=8080),
    ), init=(_VAULT,)), scenario="bad-image", port=80),
    Entry("checkout", "order-worker", "Deployment", 2, PodTemplate((
        _app("checkout/order-worker:1.22.0", cpu=(100, 300, 60), memory=(192, 320, 140), leak_minutes=55),
    )), scenario="leak"),
    Entry("default", "legacy-sync", "Deployment", 1, PodTemplate((
        _app("shop/legacy-sync:0.4.11", cpu=(50, 200, 10), memory=(64, 128, 30)),
    )), scenario="crashloop"),
    Entry("default", "debug-shell", "Bare", 1, PodTemplate((
        Container("shell", "docker.io/library/busybox:1.37", cpu=(0, 0, 0), memory=(0, 0, 3),
                  arguments=("sleep", "infinity")),
    )), scenario="idle"),
    Entry("batch", "invoice-export", "CronJob", 1, PodTemplate((
        _app("batch/invoice-export:1.3.0", cpu=(100, 500, 280), memory=(96, 192, 80)),
    ), restart_policy="Never", priority_class="batch-low"), schedule="*/5 * * * *"),
    Entry("batch", "nightly-report", "Job", 1, PodTemplate((
        _app("batch/report:2.0.0", cpu=(500, 1000, 700), memory=(512, 1024, 480)),
    ), restart_policy="Never"), scenario="completed"),
    Entry("batch", "reindex-catalog", "Job", 1, PodTemplate((
        _app("batch/reindex:0.7.2", cpu=(500, 0, 400), memory=(256, 0, 200)),
    ), restart_policy="Never"), scenario="unschedulable"),
    Entry("batch", "db-migrate", "Job", 1, PodTemplate((
        _app("batch/db-migrate:44", cpu=(100, 200, 50), memory=(64, 128, 40)),
    ), init=(_VAULT,), restart_policy="Never"), scenario="init-error"),
    Entry("ml", "trainer", "Job", 1, PodTemplate((
        Container("trainer", "registry.shop.example/ml/trainer:12.1", cpu=(1500, 3000, 2100),
                  memory=(5120, 8192, 6100), gpu=1),
    ), pool="gpu", restart_policy="OnFailure"), scenario="training"),
    Entry("ml", "feature-store", "Deployment", 1, PodTemplate((
        _app("ml/feature-store:0.31.0", cpu=(100, 400, 70), memory=(256, 512, 210), port=6566),
    ), init=(Container("warm-cache", "registry.shop.example/ml/warm-cache:0.31.0", cpu=(600, 1000, 0),
                       memory=(768, 1024, 0)),)), port=6566),
    Entry("ml", "recommender", "Deployment", 1, PodTemplate((
        _app("ml/recommender:2.4.0", cpu=(200, 800, 180), memory=(512, 768, 500), port=8501),
    ), init=(_VAULT,)), scenario="pod-initializing", port=80),
    Entry("shop", "search", "StatefulSet", 2, PodTemplate((
        Container("search", "docker.io/opensearchproject/opensearch:3.3.2", cpu=(200, 0, 110),
                  memory=(640, 768, 700), port=9200, rhythm="daily"),
    ), volume="index", grace=60), scenario="near-limit", port=9200, tier="data"),
    Entry("shop", "image-resizer", "Deployment", 1, PodTemplate((
        _app("shop/image-resizer:1.9.0", cpu=(100, 300, 80), memory=(128, 256, 110), rhythm="daily",
             port=8080),
    ), overhead=(100, 120), runtime_class="kata"), port=80),
    Entry("shop", "catalog-api", "Deployment", 2, PodTemplate((
        _app("shop/catalog-api:4.1.7", cpu=(0, 400, 70), memory=(0, 256, 120), rhythm="daily", port=8080),
        Container("log-shipper", "docker.io/fluent/fluent-bit:4.2.0", cpu=(0, 0, 3), memory=(0, 0, 18)),
    ), pod_resources=(200, 500, 256, 384)), scenario="evicted", port=80),
    Entry("checkout", "email-sender", "Deployment", 1, PodTemplate((
        _app("checkout/email-sender:1.1.5", cpu=(0, 0, 12), memory=(0, 0, 64)),
    )), scenario="best-effort"),
    Entry("checkout", "session-drain", "Deployment", 1, PodTemplate((
        _app("checkout/session-drain:0.3.2", cpu=(50, 100, 15), memory=(64, 128, 50)),
    ), grace=600), scenario="terminating"),
    Entry("payments", "fraud-score", "Deployment", 1, PodTemplate((
        _app("payments/fraud-score:6.6.1", cpu=(250, 1000, 210), memory=(384, 512, 330), rhythm="daily",
             port=8080),
    ), init=(Container("wait-for-model", "registry.shop.example/platform/wait-for:1.2", cpu=(10, 50, 1),
                       memory=(16, 32, 4)),)), scenario="init-waiting", port=80),
    Entry("kube-system", "coredns", "Deployment", 2, PodTemplate((
        Container("coredns", "registry.k8s.io/coredns/coredns:v1.13.1", cpu=(100, 0, 6), memory=(70, 170, 24),
                  port=8080, arguments=("-conf", "/etc/coredns/Corefile")),
    ), priority_class="system-cluster-critical"), port=53),
    Entry("monitoring", "prometheus", "StatefulSet", 1, PodTemplate((
        Container("prometheus", "quay.io/prometheus/prometheus:v3.14.0", cpu=(250, 0, 190),
                  memory=(1024, 2048, 1380), port=9090),
        Container("config-reloader", "quay.io/prometheus-operator/prometheus-config-reloader:v0.87.0",
                  cpu=(10, 50, 1), memory=(24, 50, 21)),
    ), volume="tsdb", grace=600), scenario="restarted", port=9090),
    Entry("monitoring", "grafana", "Deployment", 1, PodTemplate((
        Container("grafana", "docker.io/grafana/grafana:12.3.0", cpu=(50, 0, 9), memory=(128, 256, 104),
                  port=3000),
    )), port=80),
)

STATIC: tuple[Entry, ...] = tuple(
    Entry("kube-system", name, "Static", 1, PodTemplate((
        Container(name, image, cpu=(request, 0, use), memory=(memory, 0, used), port=port,
                  arguments=("--config=/etc/kubernetes/" + name,)),
    ), everywhere=True, host_network=True, priority_class="system-node-critical"))
    for name, image, request, use, memory, used, port in (
        ("etcd", "registry.k8s.io/etcd:3.6.14-0", 100, 48, 100, 310, 2379),
        ("kube-apiserver", "registry.k8s.io/kube-apiserver:v1.36.4", 250, 110, 0, 620, 6443),
        ("kube-controller-manager", "registry.k8s.io/kube-controller-manager:v1.36.4", 200, 22, 0, 96, 10257),
        ("kube-scheduler", "registry.k8s.io/kube-scheduler:v1.36.4", 100, 6, 0, 44, 10259),
    )
)

AGENTS: tuple[Entry, ...] = (
    Entry("kube-system", "nvidia-device-plugin", "DaemonSet", 0, PodTemplate((
        Container("device-plugin", "nvcr.io/nvidia/k8s-device-plugin:v0.18.0", cpu=(20, 50, 1),
                  memory=(32, 64, 24)),
    ), pool="gpu", everywhere=True, priority_class="system-node-critical")),
    Entry("kube-system", "kube-proxy", "DaemonSet", 0, PodTemplate((
        Container("kube-proxy", "registry.k8s.io/kube-proxy:v1.36.4", cpu=(0, 0, 2), memory=(0, 0, 26)),
    ), everywhere=True, host_network=True, priority_class="system-node-critical")),
    Entry("kube-system", "cilium", "DaemonSet", 0, PodTemplate((
        Container("cilium-agent", "quay.io/cilium/cilium:v1.18.4", cpu=(100, 0, 38), memory=(128, 0, 174),
                  port=9879),
    ), init=(Container("mount-cgroup", "quay.io/cilium/cilium:v1.18.4", cpu=(100, 0, 0), memory=(10, 0, 0)),),
        everywhere=True, host_network=True, priority_class="system-node-critical")),
    Entry("monitoring", "node-exporter", "DaemonSet", 0, PodTemplate((
        Container("node-exporter", "quay.io/prometheus/node-exporter:v1.10.2", cpu=(10, 100, 4),
                  memory=(24, 48, 17), port=9100),
    ), everywhere=True, host_network=True)),
)

# fmt: on
