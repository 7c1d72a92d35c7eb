"""The options of the exposition: further labels, and families under the names of other exporters."""

from __future__ import annotations

from typing import NamedTuple

from kubevitals import errors
from kubevitals.surfaces.exposition import text

METRICS_SERVER_PROM = "metrics-server-prom"
KUBE_STATE_METRICS = "kube-state-metrics"
COMPAT = (METRICS_SERVER_PROM, KUBE_STATE_METRICS)
EXTRA_LABELS = ("workload", "ip", "uid")


class Options(NamedTuple):
    """Which families and labels are exposed; a further label is on all families of pods and containers."""

    own: bool = True  # the kubevitals_ families; without, those of `compat` alone
    compat: frozenset[str] = frozenset()  # of COMPAT
    workload: bool = False  # labels workload_kind and workload
    ip: bool = False
    uid: bool = False  # tells a pod from an earlier one of the same name
    pod_labels: tuple[str, ...] = ()  # Kubernetes labels, as label_NAME


def make_options(*, labels: tuple[str, ...] = (), compat: tuple[str, ...] = (), own: bool = True) -> Options:
    """Return the options; each of `labels` is one of EXTRA_LABELS or the key of a Kubernetes label.

    Raises:
        errors.UsageError: a word of `compat` is unknown, or two labels would have one name.
    """
    unknown = [word for word in compat if word not in COMPAT]
    if unknown:
        raise errors.UsageError(
            f"there is no exporter {unknown[0][:60]!r} to be compatible with",
            remedy=f"give one of {', '.join(COMPAT)}",
        )
    keys = tuple(dict.fromkeys(word for word in labels if word not in EXTRA_LABELS))
    names: dict[str, str] = {}
    for key in keys:
        name = text.label_name(key)
        if name in names:
            raise errors.UsageError(
                f"the labels {names[name][:100]!r} and {key[:100]!r} would both be called {name}",
                remedy="choose one of them",
            )
        names[name] = key
    return Options(
        own=own,
        compat=frozenset(compat),
        workload="workload" in labels,
        ip="ip" in labels,
        uid="uid" in labels,
        pod_labels=keys,
    )
