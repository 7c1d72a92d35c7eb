"""How serious something is: three words that all surfaces use, and the thresholds behind them."""

from __future__ import annotations

CRITICAL, WARNING, INFO = "critical", "warning", "info"
SEVERITIES = (CRITICAL, WARNING, INFO)
"""All severities, the most serious first."""

WARNING_FROM = 0.60
CRITICAL_ABOVE = 0.85
# Conditions of a node that are bad when True: of the kubelet, of the network, of the node problem detector.
# Others, such as EtcdIsVoter of k3s, are good news.
BAD_CONDITIONS = frozenset(
    {
        "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable",
        "KernelDeadlock", "ReadonlyFilesystem", "FrequentKubeletRestart", "FrequentContainerdRestart",
        "FrequentDockerRestart", "CorruptDockerOverlay2", "XfsShutdown",
    }
)  # fmt: skip


def judge_ratio(ratio: float | None) -> str | None:
    """Return how serious it is that so much of something is used: info below 60 %, critical above 85 %."""
    if ratio is None:
        return None
    if ratio < WARNING_FROM:
        return INFO
    return WARNING if ratio <= CRITICAL_ABOVE else CRITICAL
