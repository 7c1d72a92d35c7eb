"""Kubelets: what metrics-server's log, Prometheus' targets and, with the right, the node proxy say of them."""

from __future__ import annotations

from urllib.parse import quote

from kubevitals import errors, quantity, severity
from kubevitals.doctor import diagnosis, kubeletwords, layers, lookups
from kubevitals.doctor.checks import kubeletrequests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals.doctor import context as contexts

_VIRTUAL = diagnosis.Diagnosis(
    "kubelet_virtual_node", layers.KUBELETS,
    "kubelets: a virtual node (Fargate, virtual-kubelet) cannot be scraped from its own pod",
    "A pod on Fargate cannot reach the kubelet of the machine that it runs on. It is expected, and no fault of yours.",
    ("kubectl get nodes -L eks.amazonaws.com/compute-type",),
    ("Run metrics-server on an ordinary node, if its own numbers matter.",),
    "opening port 10250: there is no rule that helps",
    severity.INFO,
    'Get "https://10.6.194.69:10250/metrics/resource": connect: connection refused',
)  # fmt: skip

_PROXY = "node proxy"


def look(context: contexts.Context) -> Iterator[diagnosis.Finding | diagnosis.Note]:
    """Collect what others say of each kubelet, and ask a sample itself where that is allowed."""
    nodes = lookups.nodes(context)
    ready = [diagnosis.place(node) for node in nodes.items if lookups.is_ready(node)]
    by_address = {
        diagnosis.text(address, "address"): diagnosis.place(node)
        for node in nodes.items
        for address in diagnosis.objects(node, "status", "addresses")
    }
    virtual = {diagnosis.place(node) for node in nodes.items if lookups.is_virtual(node)}
    said, asked = _complaints(context, ready)
    groups: dict[str, tuple[diagnosis.Diagnosis, list[str], list[str]]] = {}
    for source, text in said:
        page = kubeletwords.classify(text)
        node = next((name for name in ready if f'"{name}"' in text or f"{name}:" in text), "") or next(
            (name for address, name in by_address.items() if address and address in text), ""
        )
        if page is None or (node and node not in ready):
            continue
        if node in virtual:
            page = _VIRTUAL
        _, names, proofs = groups.setdefault(page.id, (page, [], []))
        proofs.append(f"{source}: {text}")
        if node and node not in names:
            names.append(node)
    waiting = {node for _, node, _ in kubeletrequests.pending(context)}
    for page, names, proofs in groups.values():
        if page is kubeletwords.CSR_PENDING and waiting:
            continue  # the request itself says it better
        many = f" on {quantity.format_names(names)}" if names else ""
        yield diagnosis.find(
            page,
            *proofs[:3],
            title=page.title + many,
            damage=f"no usage of {len(names)} of {len(nodes.items)} nodes and their pods" if names else "",
            scope=names,
            node=names[0] if names else "",
        )
    if not context.allows("get", "nodes/proxy") and not asked:
        yield diagnosis.Note(
            layers.KUBELETS, diagnosis.OK, f"{len(ready)}/{len(nodes.items)} report; not asked directly"
        )
    else:
        yield diagnosis.Note(layers.KUBELETS, diagnosis.OK, f"{asked}/{len(nodes.items)} asked")


def _complaints(context: contexts.Context, ready: list[str]) -> tuple[list[tuple[str, str]], int]:
    """Return what is said of kubelets, each with who says it, and how many of those ready were asked."""
    said: list[tuple[str, str]] = []
    asked = 0
    for service in lookups.api_services(context, lookups.RESOURCE_METRICS)[:1]:
        for pod in lookups.pods_behind(context, *lookups.service_of(service))[:2]:
            lines = lookups.lines_with(context.log(pod), "Failed to scrape node", "unable to fully scrape")
            said += [("metrics-server's log", line) for line in lines[:20]]
    if context.allows("get", "nodes/proxy"):
        # Of a kubelet that is measured all is well, whether or not the API server's own way to it is.
        measured = lookups.measured_nodes(context)
        for name in ready[: context.max_nodes]:
            try:
                context.text(f"/api/v1/nodes/{quote(name, safe='')}/proxy/healthz")
            except errors.ForbiddenError as error:
                said.append((_PROXY, f'{error.body} "{name}"'))
            except errors.StatusError as error:
                said.append((_PROXY, f'{error.status} {error.reason} {error.body} "{name}"'))
            except errors.RequestTimeoutError:
                said.append((_PROXY, f'context deadline exceeded "{name}"'))
            except errors.ClusterError:
                continue
            asked += 1
        said = [
            each for each in said if each[0] != _PROXY or not any(f'"{name}"' in each[1] for name in measured)
        ]
        said = [each for each in said if each[0] != _PROXY or "no such host" not in each[1]]
    return said, asked


CHECK = diagnosis.Check(
    "kubelets",
    layers.KUBELETS,
    look,
    (lookups.NODES, lookups.API_SERVICES, lookups.need("get", "pods/log", optional=True)),
    (*kubeletwords.ALL[:1], *kubeletwords.ALL[2:], _VIRTUAL),
)
