"""`/metrics/cadvisor` of a kubelet, in the text of version 1.36.

Families are in alphabetical order, samples in that of their labels, each with its time of measurement.
"""

from __future__ import annotations

from simcluster.kubelets import cadvisor_families, cgroups, prometheus_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from simcluster import stats

_VERSION = (
    prometheus_text.head(
        "cadvisor_version_info",
        "gauge",
        "A metric with a constant '1' value labeled by kernel version, OS version, docker version, cadvisor "
        "version & cadvisor revision.",
    )
    + 'cadvisor_version_info{cadvisorRevision="",cadvisorVersion="",dockerVersion="",'
    'kernelVersion="6.12.57-cloud-amd64",osVersion="Debian GNU/Linux 13 (trixie)"} 1\n'
)
_ERROR = prometheus_text.head(
    "container_scrape_error", "gauge", "1 if there was an error while getting container metrics, 0 otherwise"
)
_MACHINE_ERROR = prometheus_text.head(
    "machine_scrape_error", "gauge", "1 if there was an error while getting machine metrics, 0 otherwise."
)
FAILED = f"{_VERSION}{_ERROR}container_scrape_error 1\n{_MACHINE_ERROR}machine_scrape_error 1\n".encode()
"""All that it says when it cannot look at control groups."""


def render(node: stats.NodeStats, *, counting: bool = True) -> bytes:
    """The whole text. Without `counting` the CPU and memory of pods and containers are 0."""
    groups = cgroups.list_groups(node)
    if not counting:
        for group in groups:
            if group.kind in {"pod", "sandbox", "container"}:
                group.cpu = group.memory_kibibytes = 0
    lines = [_VERSION]
    scraped = False
    for name, kind, explanation, read in cadvisor_families.FAMILIES:
        if not scraped and name > "scrape_error":
            lines.append(f"{_ERROR}container_scrape_error 0\n")
            scraped = True
        samples = _samples(
            f"container_{name}", read, groups, timed=not name.startswith(cadvisor_families.UNTIMED)
        )
        if samples:
            lines.append(prometheus_text.head(f"container_{name}", kind, explanation))
            lines += samples
    lines += _machine(node)
    return "".join(lines).encode()


def _samples(
    name: str, read: cadvisor_families.Read, groups: list[cgroups.Group], *, timed: bool
) -> list[str]:
    lines = []
    several = []
    for group in groups:
        value = read(group)
        if value is None:
            continue
        when = f" {group.timestamp}" if timed else ""
        if isinstance(value, int | float):
            lines.append(f"{name}{{{group.text}}} {prometheus_text.number(value)}{when}\n")
            continue
        for extra, each in value:
            labels = group.labelled(extra)
            shown = ",".join(f'{label}="{said}"' for label, said in labels)
            several.append((labels, f"{name}{{{shown}}} {prometheus_text.number(each)}{when}\n"))
    several.sort()
    return [*lines, *(line for _, line in several)]


def _machine(node: stats.NodeStats) -> list[str]:
    boot_id, machine_id, system_uuid = node.identity
    labels = f'{{boot_id="{boot_id}",machine_id="{machine_id}",system_uuid="{system_uuid}"}}'
    lines = []
    for name, explanation, value in (
        ("machine_cpu_cores", "Number of logical CPU cores.", node.cores),
        ("machine_cpu_physical_cores", "Number of physical CPU cores.", max(1, node.cores // 2)),
        ("machine_cpu_sockets", "Number of CPU sockets.", 1),
        ("machine_memory_bytes", "Amount of memory installed on the machine.", node.memory),
    ):
        lines.append(
            f"{prometheus_text.head(name, 'gauge', explanation)}"
            f"{name}{labels} {prometheus_text.number(value)}\n"
        )
    lines.append(f"{_MACHINE_ERROR}machine_scrape_error 0\n")
    swap = prometheus_text.head(
        "machine_swap_bytes", "gauge", "Amount of swap memory available on the machine."
    )
    return [*lines, f"{swap}machine_swap_bytes{labels} 0\n"]
