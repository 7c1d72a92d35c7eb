"""Monitors of the Prometheus operator that no Prometheus selects, or that select nothing themselves."""

from __future__ import annotations

from kubevitals import quantity, severity
from kubevitals.doctor import diagnosis, layers, lookups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from kubevitals.doctor import context as contexts

_UNSELECTED = diagnosis.Diagnosis(
    "monitor_not_selected", layers.PROMETHEUS,
    "Prometheus: monitors exist that no Prometheus selects",
    "serviceMonitorSelector wants labels that the monitor does not have; charts ask for release: NAME.",
    ("kubectl -n {namespace} get servicemonitor {name} --show-labels", "kubectl get prometheuses -A -o yaml"),
    ("Give the monitor the label:",
     "! kubectl -n {namespace} label {kind} {name} {label}",
     "or let Prometheus take all: prometheusSpec.serviceMonitorSelectorNilUsesHelmValues=false"),
    "a scrape config by hand beside it: later there are two of each series",
    severity.WARNING,
    "the ServiceMonitor exists, and there is no target and no error",
)  # fmt: skip
_EMPTY = diagnosis.Diagnosis(
    "monitor_matches_nothing", layers.PROMETHEUS,
    "Prometheus: monitors match no Service, or no port of one",
    "The selector's labels stand on no Service, or the port is the name of none: it is the Service's port NAME, not its number.",
    ("kubectl -n {namespace} get servicemonitor {name} -o yaml", "kubectl -n {namespace} get services --show-labels"),
    ("Correct spec.selector or spec.endpoints[].port of the monitor:",
     "! kubectl -n {namespace} edit servicemonitor {name}"),
    "targetPort with the number: it breaks with the next port",
    severity.WARNING,
    "serviceMonitor/shop/api/0 (0/0 up)",
)  # fmt: skip
_NOBODY = diagnosis.Diagnosis(
    "monitors_without_prometheus", layers.PROMETHEUS,
    "Prometheus: there are monitors, and no Prometheus reads them",
    "ServiceMonitors and PodMonitors do nothing by themselves: a Prometheus of the operator has to select them.",
    ("kubectl get prometheuses,servicemonitors,podmonitors -A",),
    ("Create a Prometheus, or remove the monitors.",),
    "annotations prometheus.io/scrape: the operator ignores them",
    severity.WARNING,
)  # fmt: skip


def look(context: contexts.Context) -> Iterator[diagnosis.Finding | diagnosis.Note]:
    """Compare monitors with the selectors of each Prometheus, and with Services."""
    servers = lookups.monitoring(context, "prometheuses")
    monitors = [("servicemonitor", each) for each in lookups.monitoring(context, "servicemonitors")]
    pod_monitors = [("podmonitor", each) for each in lookups.monitoring(context, "podmonitors")]
    if not servers:
        names = [diagnosis.place(each) for _, each in monitors + pod_monitors]
        may_look = not context.namespace and context.allows(
            "list", "prometheuses", group="monitoring.coreos.com"
        )
        if names and may_look:
            yield diagnosis.find(_NOBODY, f"{len(names)} monitors, 0 Prometheus objects", scope=names)
        return
    namespaces = _namespace_labels(context)
    lonely = [
        (kind, each)
        for kind, each in monitors + pod_monitors
        if not any(_selects(server, kind, each, namespaces) for server in servers)
    ]
    if lonely:
        kind, first = lonely[0]
        wanted = diagnosis.dig(servers[0], "spec", f"{_KEYS[kind]}Selector", "matchLabels")
        label = (
            ",".join(f"{key}={value}" for key, value in wanted.items())
            if isinstance(wanted, dict)
            else "nothing"
        )
        names = [diagnosis.place(each) for _, each in lonely]
        yield diagnosis.find(
            _UNSELECTED,
            f"{_KEYS[kind]}Selector of {diagnosis.place(servers[0])}: {label}",
            f"{kind} {names[0]}: labels {diagnosis.labels(first) or 'none'}",
            title=f"Prometheus: it selects {len(lonely)} monitors not: {quantity.format_names(names)}",
            damage="nothing of them is scraped, and no error says so", scope=names,
            about=first,
            kind=kind, label=label,
        )  # fmt: skip
    if context.may(lookups.SERVICES.right):
        yield from _find_empty(context, [each for kind, each in monitors if (kind, each) not in lonely])


_KEYS = {"servicemonitor": "serviceMonitor", "podmonitor": "podMonitor"}


def _namespace_labels(context: contexts.Context) -> dict[str, dict[str, str]]:
    if context.namespace or not context.allows("list", "namespaces"):
        return {}
    return {
        diagnosis.place(each): diagnosis.labels(each) for each in context.listing("/api/v1/namespaces").items
    }


def _selects(
    server: dict[str, Any], kind: str, monitor: dict[str, Any], namespaces: dict[str, dict[str, str]]
) -> bool:
    key = _KEYS[kind]
    selector = diagnosis.dig(server, "spec", f"{key}Selector")
    if not isinstance(selector, dict) or not matches(selector, diagnosis.labels(monitor)):
        return False
    wanted = diagnosis.dig(server, "spec", f"{key}NamespaceSelector")
    own = diagnosis.text(monitor, "metadata", "namespace")
    if not isinstance(wanted, dict):
        return own == diagnosis.text(server, "metadata", "namespace")
    return own not in namespaces or matches(wanted, namespaces[own] | {"kubernetes.io/metadata.name": own})


def matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    """Return whether labels match a LabelSelector."""
    plain = selector.get("matchLabels")
    if isinstance(plain, dict) and any(labels.get(key) != value for key, value in plain.items()):
        return False
    for each in diagnosis.objects(selector, "matchExpressions"):
        has, values = labels.get(str(each.get("key"))), each.get("values") or ()
        holds = {
            "In": has in values,
            "NotIn": has not in values,
            "Exists": has is not None,
            "DoesNotExist": has is None,
        }.get(str(each.get("operator")), True)
        if not holds:
            return False
    return True


def _find_empty(context: contexts.Context, monitors: list[dict[str, Any]]) -> Iterator[diagnosis.Finding]:
    services = context.listing(context.within("/api/v1", "services")).items
    for monitor in monitors:
        own = diagnosis.text(monitor, "metadata", "namespace")
        named = diagnosis.dig(monitor, "spec", "namespaceSelector", "matchNames")
        anywhere = diagnosis.dig(monitor, "spec", "namespaceSelector", "any") is True
        places = named if isinstance(named, list) and named else [own]
        chosen = [
            each
            for each in services
            if (anywhere or diagnosis.text(each, "metadata", "namespace") in places)
            and matches(diagnosis.dig(monitor, "spec", "selector") or {}, diagnosis.labels(each))
        ]
        ports = {
            str(port.get("name")) for each in chosen for port in diagnosis.objects(each, "spec", "ports")
        }
        asked = {
            str(each["port"]) for each in diagnosis.objects(monitor, "spec", "endpoints") if "port" in each
        }
        if chosen and not (asked - ports):
            continue
        said = f"ports of its Services: {', '.join(sorted(ports))}; asked for: {', '.join(sorted(asked))}"
        yield diagnosis.find(
            _EMPTY, said if chosen else "its selector matches 0 Services",
            title=f"Prometheus: servicemonitor {diagnosis.place(monitor)} matches no {'port' if chosen else 'Service'}",
            scope=[diagnosis.place(monitor)], about=monitor,
        )  # fmt: skip


CHECK = diagnosis.Check(
    "monitors", layers.PROMETHEUS, look,
    tuple(lookups.need("list", each, "monitoring.coreos.com", optional=True)
          for each in ("prometheuses", "servicemonitors", "podmonitors")),
    (_UNSELECTED, _EMPTY, _NOBODY),
)  # fmt: skip
