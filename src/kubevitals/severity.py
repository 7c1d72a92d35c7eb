"""How serious something is: three words that all surfaces use, and the thresholds behind them."""

from __future__ import annotations

CRITICAL, WARNING, INFO = "critical", "warning", "info"
SEVERITIES = (CRITICAL, WARNING, INFO)
"""All severities, the most serious first."""

# What can be wrong, in the order of seriousness.
(
    NODE_LOST,
    NODE_PRESSED,
    CRASHING,
    OUT_OF_MEMORY,
    CANNOT_START,
    UNSCHEDULABLE,
    NEAR_LIMIT,
    NODE_BUSY,
    STUCK,
    NOT_READY,
    RESTARTED,
    RESIZE,
    FAILED,
) = range(13)
# What comes before NEAR_LIMIT has gone wrong; from there on, something may.

WARNING_ABOVE = 0.85  # of a limit, or of what a node has
CRITICAL_ABOVE = 0.95
# Conditions of a node that are bad when True: of the kubelet, of the network, of the node problem detector.
# Others, such as EtcdIsVoter of k3s, are good news.
BAD_CONDITIONS = frozenset(
    {
        "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable",
        "KernelDeadlock", "ReadonlyFilesystem", "FrequentKubeletRestart", "FrequentContainerdRestart",
        "FrequentDockerRestart", "CorruptDockerOverlay2", "XfsShutdown",
    }
)  # fmt: skip
_BAD_WHEN_TRUE = ("Problem", "Error", "Unhealthy")


def is_bad_condition(kind: str, status: str) -> bool:
    """Return whether a condition of a node, but its own Ready, tells of something bad.

    Beside the known types, those that third parties set are judged by their names: `...Ready` is good news,
    `...Problem`, `...Error` and `...Unhealthy` are bad.
    """
    if kind in BAD_CONDITIONS or kind.endswith(_BAD_WHEN_TRUE):
        return status == "True"
    return kind.endswith("Ready") and kind != "Ready" and status in ("False", "Unknown")


def judge_ratio(ratio: float | None) -> str | None:
    """Return how serious it is that so much of a limit is used: info to 85 %, critical above 95 %."""
    if ratio is None:
        return None
    if ratio <= WARNING_ABOVE:
        return INFO
    return WARNING if ratio <= CRITICAL_ABOVE else CRITICAL


IMAGE_REASONS = frozenset(
    {
        "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError",
        "RegistryUnavailable", "SignatureValidationFailed",
    }
)  # fmt: skip
START_REASONS = frozenset(
    {
        "CreateContainerConfigError", "CreateContainerError", "RunContainerError", "StartError",
        "ContainerCannotRun", "PreCreateHookError", "PreStartHookError", "PostStartHookError",
    }
)  # fmt: skip
_BROKEN = IMAGE_REASONS | START_REASONS | {"CrashLoopBackOff", "OOMKilled", "NotReady", "Unknown", "NodeLost"}
_FAILED = frozenset({"Error", "Failed", "Evicted", "DeadlineExceeded", "ContainerStatusUnknown"})


def judge_status(status: str | None) -> str | None:
    """Return how serious the STATUS of a node, a pod or a container is; None where it is not bad."""
    word = (status or "").removeprefix("Init:").partition(",")[0]
    if word in _BROKEN:
        return CRITICAL
    return WARNING if word in _FAILED or word.startswith(("ExitCode:", "Signal:")) else None
