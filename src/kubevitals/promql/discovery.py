"""Finding Prometheus in a cluster by the conventions of its installers, and a way to it.

Services are recognized by their labels, then by their names; the first that answers a query is taken. In the
cluster it is asked by its DNS name, from outside through the API server's service proxy, with the account's
own rights. Who may make services may pose as Prometheus: where that matters, its address has to be given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from kubevitals import errors, sanitize
from kubevitals.kube import listpages
from kubevitals.kube.http import client as http_client
from kubevitals.kube.http import urls
from kubevitals.promql import client as promql_client

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kubevitals.kube import client as kube_client

_MOST = 5  # services that are tried
_REMEDY = "if there is one, give its address by --prometheus-url"


class Convention(NamedTuple):
    """How an installer marks the service that answers queries. `prefix` stands before /api/v1."""

    label: str
    values: tuple[str, ...]
    ports: tuple[int | str, ...]  # numbers or names, the best first
    prefix: str = ""
    component: str | None = None  # of app.kubernetes.io/component, where several services share a name


_NAME, _COMPONENT = "app.kubernetes.io/name", "app.kubernetes.io/component"
# The best first. A query layer above several servers (Thanos) sees both halves of an HA pair; each operator's
# own service comes before the charts' guesses.
CONVENTIONS = (
    Convention(_NAME, ("thanos-query", "thanos-querier", "thanos-query-frontend"), ("http", 9090, 10902)),
    Convention(_NAME, ("thanos",), ("http", 9090, 10902), component="query"),
    Convention("operated-prometheus", ("true",), ("web", "http-web", 9090)),
    Convention("app", ("kube-prometheus-stack-prometheus",), ("http-web", "web", 9090)),
    Convention(_NAME, ("prometheus",), ("http", "web", "http-web", 80, 9090), component="server"),
    Convention(_NAME, ("prometheus",), ("web", "http", "http-web", 9090, 80), component="prometheus"),
    Convention(_NAME, ("vmsingle", "victoria-metrics-single"), ("http", 8428, 8429)),
    Convention(_NAME, ("vmselect",), ("http", 8481), prefix="/select/0/prometheus"),
)
# Without the right to list services, or with labels of one's own: names that are usual.
NAMES = (
    ("monitoring", "prometheus-operated", 9090),
    ("monitoring", "prometheus-k8s", 9090),
    ("monitoring", "prometheus-server", 80),
    ("prometheus", "prometheus-server", 80),
)


class _Meta(msgspec.Struct):
    name: str = ""
    namespace: str = ""
    labels: dict[str, str] | None = None


class _Port(msgspec.Struct):
    port: int = 0
    name: str = ""
    protocol: str = "TCP"


class _Spec(msgspec.Struct):
    ports: list[_Port] | None = None
    type: str = ""


class _Service(msgspec.Struct):
    metadata: _Meta
    spec: _Spec


class _ListMeta(msgspec.Struct):
    continue_: str = msgspec.field(name="continue", default="")


class _ServiceList(msgspec.Struct):
    metadata: _ListMeta
    items: list[_Service] | None = None
    kind: str = ""

    @property
    def continue_(self) -> str:
        """Where the next page begins."""
        return self.metadata.continue_


class Place(NamedTuple):
    """A service that may be Prometheus. `how` says for people why."""

    namespace: str
    name: str
    port: int
    prefix: str = ""
    how: str = "by its name"

    @property
    def proxy_path(self) -> str:
        """By what path the API server passes requests on to it."""
        way = urls.path_join(
            "api", "v1", "namespaces", self.namespace, "services", f"{self.name}:{self.port}", "proxy"
        )
        return way + self.prefix

    def __str__(self) -> str:
        return f"service {self.namespace}/{self.name}:{self.port}"


def find(client: kube_client.Client, *, inside: bool, timeout: float = 30.0) -> promql_client.Prometheus:
    """Return the first Prometheus that is found and answers; its `origin` says how it was found.

    Args:
        client: of the API server.
        inside: this runs in the cluster, so that DNS names of services lead there.
        timeout: seconds for a query.

    Raises:
        errors.PrometheusError: there is none, or none that answers.
    """
    places, refused = _look(client)
    failed: list[tuple[str, str | None]] = []
    for place in places[:_MOST]:
        found = _reach(client, place, inside=inside, timeout=timeout)
        try:
            found.query("vector(1)")
        except errors.PrometheusError as error:
            found.close()
            failed.append((f"{place}: {error.message}", error.remedy))
            continue
        return found
    if refused is not None:
        unknown = errors.PrometheusError(
            f"Prometheus cannot be looked for: {refused.message}",
            remedy=f"give its address by --prometheus-url, or allow this:\n{refused.rule or ''}".rstrip(),
        )
        unknown.right = refused.right
        raise unknown from refused
    if failed:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise errors.PrometheusError(f"no Prometheus answers: {failed[0][0]}{more}", remedy=failed[0][1])
    raise errors.PrometheusError("no Prometheus is found in the cluster", remedy=_REMEDY)


def rank(services: Iterable[tuple[str, str, dict[str, str], list[tuple[int, str]]]]) -> list[Place]:
    """Return the services that may be Prometheus, the best first.

    Each is namespace, name, labels and (number, name) of its ports.
    """
    known = {(namespace, name): number for namespace, name, number in NAMES}
    ranked: list[tuple[int, Place]] = []
    for namespace, name, labels, ports in services:
        for merit, convention in enumerate(CONVENTIONS):
            place = _match(convention, namespace, name, labels=labels, ports=ports)
            if place is not None:
                ranked.append((merit, place))
                break
        else:
            if known.get((namespace, name)) in [number for number, _ in ports]:
                ranked.append((len(CONVENTIONS), Place(namespace, name, known[namespace, name])))
    return [place for _, place in sorted(ranked)]


def _match(
    convention: Convention,
    namespace: str,
    name: str,
    *,
    labels: dict[str, str],
    ports: list[tuple[int, str]],
) -> Place | None:
    value = labels.get(convention.label)
    if value not in convention.values or convention.component not in (None, labels.get(_COMPONENT)):
        return None
    for wanted in convention.ports:
        for number, port_name in ports:
            if wanted in (number, port_name):
                how = f"by the label {convention.label}={sanitize.excerpt(value or '', 60)}"
                return Place(namespace, name, number, convention.prefix, how)
    return None


def _look(client: kube_client.Client) -> tuple[list[Place], errors.ForbiddenError | None]:
    """Return where Prometheus may be; without the right to list services the usual names, and the refusal."""
    try:
        found = client.fetch_list("/api/v1/services", _decode, limit=listpages.SIZE)
    except errors.ForbiddenError as error:
        return [Place(*each) for each in NAMES], error
    except (errors.ClusterError, errors.CredentialsError) as error:
        raise errors.PrometheusError(
            f"Prometheus cannot be looked for: {error.message}", remedy=error.remedy
        ) from error
    return (
        rank(
            (
                each.metadata.namespace,
                each.metadata.name,
                each.metadata.labels or {},
                [(port.port, port.name) for port in each.spec.ports or () if port.protocol == "TCP"],
            )
            for page in found
            for each in page.items or ()
            if each.spec.type != "ExternalName"  # it may lead anywhere
        ),
        None,
    )


def _decode(body: bytes) -> _ServiceList:
    services: _ServiceList = listpages.decode_list(body, listpages.decoder(_ServiceList), kind="ServiceList")
    return services


def _reach(
    client: kube_client.Client, place: Place, *, inside: bool, timeout: float
) -> promql_client.Prometheus:
    origin = f"{place}, found {place.how}"
    if inside:
        host = f"http://{place.name}.{place.namespace}.svc:{place.port}{place.prefix}"
        direct = http_client.Client(host, origin=origin, request_timeout=timeout)
        return promql_client.Prometheus(direct, origin=origin)
    return promql_client.Prometheus(
        client.http,
        prefix=place.proxy_path,
        post=False,  # through the proxy POST is another right, and not one to read
        origin=f"{origin}, through the API server",
        lent=True,
    )
