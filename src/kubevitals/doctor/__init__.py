"""The doctor: which layer of a cluster's metrics is silent, why, and what to do.

`examine` walks the layers, from the API server to the autoscalers, by reads and access reviews alone: nothing
is created, nothing is changed, and nothing leaves the cluster. It returns a `Report`: a state for each layer
and the findings, causes first. `explain` is the whole page of one finding, without a cluster.

    >>> report = kubevitals.doctor.examine(cluster.client)
    >>> report.verdict, [finding.id for finding in report.findings]
    ('fail', ['metrics_server_certificate_expired'])
"""

from __future__ import annotations

from kubevitals.doctor.examination import Options, examine
from kubevitals.doctor.explanation import explain
from kubevitals.doctor.report import Report

__all__ = ["Options", "Report", "examine", "explain"]
