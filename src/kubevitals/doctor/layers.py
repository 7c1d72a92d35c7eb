"""The layers that a number passes on its way, from the API server up to what reads it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from kubevitals.namedtuple import NamedTuple


class Layer(NamedTuple):
    """A layer by its name in answers and its title for people; `below` are the layers it stands on."""

    name: str
    title: str
    below: tuple[str, ...] = ()


API_SERVER = "api_server"
CONTROL_PLANE = "control_plane"
NODES = "nodes"
KUBELETS = "kubelets"
CADVISOR = "cadvisor"
METRICS_SERVER = "metrics_server"
KUBE_STATE_METRICS = "kube_state_metrics"
NODE_EXPORTER = "node_exporter"
KUBE_PROXY = "kube_proxy"
PROMETHEUS = "prometheus"
ALERTMANAGER = "alertmanager"
CUSTOM_METRICS = "custom_metrics"
EXTERNAL_METRICS = "external_metrics"
HPA = "hpa"
APPLICATIONS = "applications"
SECURITY = "security"

# From the bottom up: of two causes, the lower one is named first.
_TABLE = (
    Layer(API_SERVER, "API server"),
    Layer(CONTROL_PLANE, "control plane", (API_SERVER,)),
    Layer(NODES, "nodes", (API_SERVER,)),
    Layer(KUBELETS, "kubelets", (NODES,)),
    Layer(CADVISOR, "cAdvisor", (KUBELETS,)),
    Layer(METRICS_SERVER, "metrics-server", (KUBELETS, CADVISOR)),
    Layer(KUBE_STATE_METRICS, "kube-state-metrics", (NODES,)),
    Layer(NODE_EXPORTER, "node-exporter", (NODES,)),
    Layer(KUBE_PROXY, "kube-proxy", (NODES,)),
    Layer(PROMETHEUS, "Prometheus", (NODES,)),
    Layer(ALERTMANAGER, "Alertmanager", (NODES,)),
    Layer(CUSTOM_METRICS, "custom metrics", (PROMETHEUS,)),
    Layer(EXTERNAL_METRICS, "external metrics", (NODES,)),
    Layer(HPA, "HPA", (METRICS_SERVER, CUSTOM_METRICS, EXTERNAL_METRICS)),
    Layer(APPLICATIONS, "applications", (PROMETHEUS,)),
    Layer(SECURITY, "security"),
)
LAYERS: dict[str, Layer] = {layer.name: layer for layer in _TABLE}
ORDER = {name: place for place, name in enumerate(LAYERS)}
