"""All checks, a file for each."""

from __future__ import annotations

from kubevitals.doctor import subjects
from kubevitals.doctor.checks import (
    alertmanager,
    apiserver,
    applications,
    cadvisor,
    controlplane,
    custommetrics,
    exposure,
    frontproxy,
    hpa,
    insecuretls,
    jobs,
    kubeletcertificates,
    kubeletproxy,
    kubeletrequests,
    kubeletsettings,
    kubeproxy,
    kubestatemetrics,
    metricsapi,
    metricsserver,
    metricsusage,
    namespaces,
    nodeexporter,
    nodes,
    ownrights,
    prometheus,
    proxyholders,
    scrapetargets,
    selection,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals.doctor import diagnosis

_MODULES = (
    apiserver, namespaces, nodes, kubeletrequests, kubeletproxy, metricsapi, metricsserver, metricsusage,
    hpa, custommetrics, prometheus, scrapetargets, selection, jobs, cadvisor, controlplane, kubeproxy,
    kubestatemetrics, nodeexporter, alertmanager, frontproxy, kubeletcertificates, applications,
    insecuretls, kubeletsettings, exposure, proxyholders, ownrights,
)  # fmt: skip
CHECKS: tuple[diagnosis.Check, ...] = tuple(module.CHECK for module in _MODULES)


def diagnoses() -> Iterator[diagnosis.Diagnosis]:
    """Yield all that can be found, of checks and of single objects."""
    for check in CHECKS:
        yield from check.diagnoses
    yield from subjects.DIAGNOSES
