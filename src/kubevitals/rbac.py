"""The rights that each feature needs, and the RBAC objects that grant them.

The table below is the only place where rights are written down: roles, the Helm chart and the documentation
are made from it, and tests compare it with the requests that are made. No feature has `nodes/proxy`: that
right comes close to being root on every node.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from kubevitals import errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

PREFIX = "/kubevitals"
"""The beginning of each path of the service in a SubjectAccessReview, except /metrics. Without it, the role
system:discovery of Kubernetes, with which every account may get /api/*, would open the service to all."""

API = "rbac.authorization.k8s.io"
DEFAULT_NAME = "kubevitals"
_READ, _FOLLOW = ("list",), ("list", "watch")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", re.ASCII)
_SUBJECT = re.compile(r"[A-Za-z0-9_.:@/+=|~-]{1,253}", re.ASCII)


class Rule(NamedTuple):
    """The verbs that a feature needs on one resource or path."""

    verbs: tuple[str, ...]
    resource: str = ""
    group: str = ""
    namespaced: bool = True
    path: str = ""

    @property
    def place(self) -> tuple[str, str, str]:
        """The group, resource and path that the verbs apply to."""
        return (self.group, self.resource, self.path)


class Feature(NamedTuple):
    """A part of kubevitals that can be switched on, with the rights it needs."""

    summary: str
    rules: tuple[Rule, ...]
    default: bool = False  # of the service


def _all(verbs: tuple[str, ...], group: str, *resources: str, namespaced: bool = True) -> tuple[Rule, ...]:
    return tuple(Rule(verbs, resource, group, namespaced) for resource in resources)


_METRICS = "metrics.k8s.io"
FEATURES = {
    "nodes": Feature("the service: nodes", _all(_FOLLOW, "", "nodes", namespaced=False), default=True),
    "pods": Feature("the service: pods and containers", _all(_FOLLOW, "", "pods"), default=True),
    "owners": Feature(
        "the service: the CronJob behind a Job, what is behind a ReplicaSet; only metadata is read",
        (*_all(_FOLLOW, "apps", "replicasets"), *_all(_FOLLOW, "batch", "jobs")),
        default=True,
    ),
    "node-usage": Feature(
        "usage of nodes from the metrics API",
        _all(_READ, _METRICS, "nodes", namespaced=False),
        default=True,
    ),
    "pod-usage": Feature(
        "usage of pods and containers from the metrics API", _all(_READ, _METRICS, "pods"), default=True
    ),
    "kube-state": Feature(
        "the service with --compat kube-state-metrics",
        (
            *_all(_FOLLOW, "", "nodes", "namespaces", namespaced=False),
            *_all(_FOLLOW, "", "pods", "persistentvolumeclaims", "resourcequotas"),
            *_all(_FOLLOW, "apps", "daemonsets", "deployments", "statefulsets"),
            *_all(_FOLLOW, "autoscaling", "horizontalpodautoscalers"),
            *_all(_FOLLOW, "batch", "jobs"),
        ),
    ),
    "kubelet": Feature(
        "--source kubelet: usage from each node's kubelet itself, asked directly",
        (
            *_all(_READ, "", "nodes", namespaced=False),
            *_all(("get",), "", "nodes/metrics", namespaced=False),
        ),
    ),
    "kubelet-detail": Feature(
        "network, file systems, throttling and pressure, of the kubelets too",
        _all(("get",), "", "nodes/stats", namespaced=False),
    ),
    "prometheus": Feature(
        "--source prometheus without --prometheus-url: finding it in the cluster",
        _all(_READ, "", "services", namespaced=False),
    ),
    "auth": Feature(
        "the service with --auth kubernetes: who asks, and may they",
        (
            *_all(("create",), "authentication.k8s.io", "tokenreviews", namespaced=False),
            *_all(("create",), "authorization.k8s.io", "subjectaccessreviews", namespaced=False),
        ),
    ),
    "viewer": Feature(
        "who reads such a service: Grafana, Prometheus, people",
        (Rule(("get",), path="/metrics"), Rule(("get",), path=f"{PREFIX}/*")),
    ),
    "top": Feature(
        "the command line: top and overview",
        (
            *_all(_READ, "", "nodes", namespaced=False),
            *_all(("get", "list"), _METRICS, "nodes", namespaced=False),
            *_all(_READ, "", "pods"),
            *_all(("get", "list"), _METRICS, "pods"),
            *_all(_READ, "apps", "replicasets"),
            *_all(_READ, "batch", "jobs"),
        ),
    ),
    "doctor": Feature(
        "the command line: doctor, all layers; nothing of it writes, and neither logs nor Secrets are in it",
        (
            *_all(_READ, "", "namespaces", "nodes", namespaced=False),
            *_all(("get", "list"), "", "pods", "services"),
            *_all(_READ, "", "events"),
            *_all(_READ, "apps", "daemonsets"),
            *_all(_READ, "autoscaling", "horizontalpodautoscalers"),
            *_all(_READ, _METRICS, "nodes", namespaced=False),
            *_all(_READ, _METRICS, "pods"),
            *_all(_READ, "apiregistration.k8s.io", "apiservices", namespaced=False),
            *_all(_READ, "certificates.k8s.io", "certificatesigningrequests", namespaced=False),
            *_all(_READ, "monitoring.coreos.com", "podmonitors", "prometheuses", "servicemonitors"),
        ),
    ),
    "doctor-logs": Feature(
        "the command line: doctor, what logs say of metrics-server, Prometheus and kube-state-metrics",
        _all(("get",), "", "pods/log"),
    ),
    "doctor-security": Feature(
        "the command line: doctor --security, who holds nodes/proxy",
        _all(_READ, API, "clusterrolebindings", "clusterroles", namespaced=False),
    ),
    "completion": Feature(
        "the command line: names in shell completion",
        (
            *_all(_READ, "", "namespaces", "nodes", namespaced=False),
            *_all(_READ, "", "pods"),
            *_all(_READ, "batch", "jobs"),
        ),
    ),
}
DEFAULT = tuple(name for name, feature in FEATURES.items() if feature.default)
# What each source of usage takes, by its name as --source has it. Auto may fall back on the kubelets.
SOURCES: dict[str, tuple[str, ...]] = {
    "auto": ("node-usage", "pod-usage", "kubelet"),
    "metrics-server": ("node-usage", "pod-usage"),
    "kubelet": ("kubelet",),
    "prometheus": ("prometheus",),
    "none": (),
}


class Subject(NamedTuple):
    """The subject of a role binding: a ServiceAccount in its namespace, a User or a Group."""

    kind: str
    name: str
    namespace: str = ""


def choose(
    names: Iterable[str], *, namespace: str | None = None, source: str | None = None
) -> tuple[str, ...]:
    """Return the features of these names in the order of the table; without names, those of the service.

    With a `source`, the features of that source replace those of the metrics API.

    Raises:
        errors.UsageError: there is no such feature.
    """
    given = set(names)
    for name in given - FEATURES.keys():
        raise errors.UsageError(
            f"there is no feature {name[:60]!r}", remedy=f"the features are {', '.join(FEATURES)}"
        )
    named = bool(given)
    if not named:
        given = set(DEFAULT) - (set(SOURCES["metrics-server"]) if source is not None else set())
    given |= set(SOURCES[source] if source is not None else ())
    if namespace is not None and not named:  # nodes cannot be read there, and the service does without
        given -= {name for name in DEFAULT if not _within(FEATURES[name].rules)}
    return tuple(name for name in FEATURES if name in given)


def default_name(features: Sequence[str]) -> str:
    """Return a name for the roles, which is not that of the service unless they are its roles."""
    if set(features) & {*DEFAULT, "kube-state", "auth"}:
        return DEFAULT_NAME
    return "-".join((DEFAULT_NAME, *features))


def make_roles(
    features: Sequence[str], *, subject: Subject, name: str | None = None, namespace: str | None = None
) -> list[dict[str, Any]]:
    """Return the roles and bindings that give `subject` the rights of these features, as Kubernetes objects.

    With a namespace, a Role there grants the rights on what lies in it; a ClusterRole then grants only those
    of features that need nothing in a namespace, such as nodes and access reviews.

    Raises:
        errors.UsageError: Kubernetes does not accept one of the names.
    """
    name = name or default_name(features)
    for text in filter(None, (name, namespace, subject.namespace)):
        _check_name(text)
    _check_subject(subject)
    inside, outside = split(features, namespaced=namespace is not None)
    return [*_pair(namespace, name, inside, subject), *_pair(None, name, outside, subject)]


def split(features: Iterable[str], *, namespaced: bool) -> tuple[list[Rule], list[Rule]]:
    """Return the rules for a Role and those for a ClusterRole; all are the latter unless `namespaced`."""
    inside: list[Rule] = []
    outside: list[Rule] = []
    for feature in features:
        rules = FEATURES[feature].rules
        within = [rule for rule in rules if namespaced and rule.namespaced and not rule.path]
        inside += within
        outside += [] if within else rules
    return inside, outside


def merge(rules: Iterable[Rule]) -> list[dict[str, list[str]]]:
    """Return the rules as Kubernetes writes them: each resource once, in as few rules as possible."""
    verbs: dict[tuple[str, str, str], set[str]] = {}
    for rule in rules:
        verbs.setdefault(rule.place, set()).update(rule.verbs)
    joined: dict[tuple[str, tuple[str, ...], bool], list[str]] = {}
    for (group, resource, path), allowed in verbs.items():
        joined.setdefault((group, tuple(sorted(allowed)), bool(path)), []).append(path or resource)
    return [
        {"nonResourceURLs": sorted(places), "verbs": list(allowed)}
        if is_path
        else {"apiGroups": [group], "resources": sorted(places), "verbs": list(allowed)}
        for (group, allowed, is_path), places in sorted(joined.items())
    ]


def render(objects: Iterable[dict[str, Any]]) -> str:
    """Return the objects of `make_roles` as a YAML stream."""
    return "---\n".join("".join(_lines(each)) for each in objects)


def render_rules(key: str, rules: Sequence[dict[str, list[str]]], *, indent: str = "") -> list[str]:
    """Return the lines of a key with the rules of `merge`, as YAML, for tools/render-deploy."""
    return list(_lines({key: list(rules)}, indent))


def describe() -> str:
    """Return the table as text for people: each feature and the rights that it needs."""
    width = max(map(len, FEATURES))
    lines = []
    for name, feature in FEATURES.items():
        lines.append(f"{name.ljust(width)}  {feature.summary}{' (default)' if feature.default else ''}")
        for rule in merge(feature.rules):
            places = rule.get("nonResourceURLs") or [
                f"{resource}.{rule['apiGroups'][0]}".rstrip(".") for resource in rule["resources"]
            ]
            lines.append(f"{' ' * width}    {', '.join(rule['verbs'])}: {', '.join(places)}")
    return "\n".join(lines)


def _within(rules: Iterable[Rule]) -> bool:
    return all(rule.namespaced and not rule.path for rule in rules)


def _pair(namespace: str | None, name: str, rules: Sequence[Rule], subject: Subject) -> list[dict[str, Any]]:
    """Return a role with its binding, or nothing if there are no rules."""
    if not rules:
        return []
    kind = "ClusterRole" if namespace is None else "Role"
    metadata = {"name": name} | ({} if namespace is None else {"namespace": namespace})
    whom = {"kind": subject.kind, "name": subject.name}
    whom |= {"namespace": subject.namespace} if subject.kind == "ServiceAccount" else {"apiGroup": API}
    return [
        {"apiVersion": f"{API}/v1", "kind": kind, "metadata": metadata, "rules": merge(rules)},
        {
            "apiVersion": f"{API}/v1",
            "kind": f"{kind}Binding",
            "metadata": metadata,
            "roleRef": {"apiGroup": API, "kind": kind, "name": name},
            "subjects": [whom],
        },
    ]


def _check_name(text: str) -> None:
    if len(text) > 253 or not _NAME.fullmatch(text):
        raise errors.UsageError(
            f"{text[:60]!r} is no name of Kubernetes",
            remedy="lower case letters, digits, - and . are allowed",
        )


def _check_subject(subject: Subject) -> None:
    if subject.kind == "ServiceAccount":
        _check_name(subject.name)
        _check_name(subject.namespace)
    elif not _SUBJECT.fullmatch(subject.name):
        raise errors.UsageError(f"{subject.name[:60]!r} is no name of a {subject.kind.lower()}")


def _lines(value: dict[str, Any], indent: str = "") -> Iterable[str]:
    """Yield the lines of a mapping in YAML."""
    for key, each in value.items():
        if isinstance(each, dict):
            yield f"{indent}{key}:\n"
            yield from _lines(each, indent + "  ")
        elif isinstance(each, list) and each and isinstance(each[0], dict):
            yield f"{indent}{key}:\n"
            for item in each:
                first, *rest = _lines(item, indent + "    ")
                yield f"{indent}  - {first.lstrip()}"
                yield from rest
        elif isinstance(each, list):
            yield f"{indent}{key}: [{', '.join(map(_scalar, each))}]\n"
        else:
            yield f"{indent}{key}: {_scalar(each)}\n"


def _scalar(text: str) -> str:
    plain = re.fullmatch(r"[a-zA-Z][a-zA-Z0-9./-]*", text) and text.lower() not in _WORDS
    return text if plain else f'"{text}"'


_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}  # that YAML takes for something else
