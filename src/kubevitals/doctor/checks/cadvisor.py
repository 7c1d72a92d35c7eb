"""cAdvisor, asked itself through the node proxy where that is allowed: do its series name containers?"""

from __future__ import annotations

from urllib.parse import quote

from kubevitals import errors
from kubevitals.doctor import diagnosis, layers, lookups
from kubevitals.doctor.checks import jobs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals.doctor import context as contexts

_SAMPLE = 2


def look(context: contexts.Context) -> Iterator[diagnosis.Finding | diagnosis.Note]:
    """Read cAdvisor of a node or two."""
    if not context.allows("get", "nodes/proxy"):
        return
    ready = [diagnosis.place(node) for node in lookups.nodes(context).items if lookups.is_ready(node)]
    for name in ready[-_SAMPLE:]:
        base = f"/api/v1/nodes/{quote(name, safe='')}/proxy/metrics"
        try:
            lines = context.text(f"{base}/cadvisor").splitlines()
        except errors.ClusterError:
            continue
        series = [line for line in lines if line.startswith("container_memory_working_set_bytes{")]
        try:
            provider = 'provider="cri"' in context.text(base)
        except errors.ClusterError:
            provider = False
        if series and not any('image="' in line and 'image=""' not in line for line in series):
            yield diagnosis.find(
                jobs.LABELS, f"{base}/cadvisor: {len(series)} series of memory, none with an image",
                title=f"cAdvisor: its series name no container on {name}", scope=[name], node=name,
                damage="no usage by container",
            )  # fmt: skip
            return
        if provider:
            yield diagnosis.find(
                jobs.CRI, f'{base}: kubelet_metrics_provider{{provider="cri"}}', scope=[name], node=name
            )
            return
        if series:
            yield diagnosis.Note(layers.CADVISOR, diagnosis.OK, f"{len(series)} series on {name}")


CHECK = diagnosis.Check("cadvisor", layers.CADVISOR, look, (lookups.NODES,))
