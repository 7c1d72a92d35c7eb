"""The options that say where usage comes from, the same for every command."""

from __future__ import annotations

import os

from kubevitals import errors, sources
from kubevitals.cli import values
from kubevitals.sources import factory

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from typing import Any

    from kubevitals.promql import client as promql_client

URL_VARIABLE = "KUBEVITALS_PROMETHEUS_URL"

# flag, key, metavar, help. A metavar of None makes a switch.
_KUBELET: tuple[tuple[str, str, str | None, str], ...] = (
    (
        "--kubelet-ca",
        "ca_file",
        "FILE",
        "the CA that signed the kubelets' certificates (default: that of the cluster)",
    ),
    ("--kubelet-insecure-tls", "insecure", None, "do not check the kubelets' certificates"),
    (
        "--kubelet-proxy",
        "proxy",
        None,
        "ask kubelets through the API server, which needs the right on nodes/proxy",
    ),
    ("--kubelet-port", "port", "N", "the port of all kubelets (default: what each Node states)"),
)
_PROMETHEUS: tuple[tuple[str, str, str | None, str], ...] = (
    (
        "--prometheus-url",
        "url",
        "URL",
        f"a Prometheus-compatible server, which auto then asks first (default: {URL_VARIABLE})",
    ),
    ("--prometheus-token-file", "token_file", "FILE", "a file with a bearer token for that server"),
    ("--prometheus-user-file", "user_file", "FILE", "a file with USER:PASSWORD for that server"),
    ("--prometheus-ca", "ca", "FILE", "the CA that signed its certificate (default: those of the system)"),
    ("--prometheus-client-certificate", "client_certificate", "FILE", "a client certificate for that server"),
    ("--prometheus-client-key", "client_key", "FILE", "the private key of that certificate"),
    ("--prometheus-insecure", "insecure", None, "do not check its certificate"),
    ("--prometheus-tls-server-name", "tls_server_name", "NAME", "the name to expect in its certificate"),
    ("--prometheus-timeout", "timeout", "TIME", "time limit of a query (default: 30s)"),
    (
        "--prometheus-cluster",
        "cluster",
        "NAME[=LABEL]",
        "where it holds several clusters: the one whose label `cluster`, or LABEL, is NAME",
    ),
    ("--prometheus-range", "range", "TIME", "average CPU over this time (default: a few scrapes)"),
    ("--prometheus-queries", "queries", "FILE", "replace the queries that docs/prometheus.md lists"),
)
# How a server is reached, whatever is read from it.
_SERVER = tuple(each for each in _PROMETHEUS if each[1] not in ("url", "cluster", "range", "queries"))
USAGE, SERVER = "where usage comes from", "reaching a Prometheus-compatible server"  # titles of groups
TAKING_VALUE = frozenset(
    {flag for flag, _, metavar, _ in (*_KUBELET, *_PROMETHEUS) if metavar}
    | {"--source", "--prometheus-header"}
)


def add_arguments(parser: argparse.ArgumentParser, *, detail: bool = False, once: bool = False) -> None:
    """Add the options; `detail` adds --detail, and `once` --no-wait of commands that print one reading."""
    group = parser.add_argument_group(USAGE)
    group.add_argument(
        "--source",
        choices=factory.NAMES,
        default=factory.AUTO,
        help="auto (the default) uses the best source that answers; a named one is never replaced; "
        "none shows requests and limits alone",
    )
    for flag, _, metavar, text in (*_KUBELET, *_PROMETHEUS):
        if metavar is None:
            group.add_argument(flag, action="store_true", help=text)
        else:
            group.add_argument(flag, metavar=metavar, type=_TYPES.get(metavar, str), help=text)
    if detail:
        group.add_argument(
            "--detail",
            action="store_true",
            help="read usage from the kubelets, with network, file systems, throttling, OOM kills, swap and "
            "pressure; needs the right on nodes/stats",
        )
    if once:
        group.add_argument(
            "--no-wait",
            action="store_true",
            help="do not wait for a second reading of the kubelets; usage of CPU is then unknown",
        )
    _add_header(group)


def has_address(arguments: argparse.Namespace) -> bool:
    """Return whether usage may come from a Prometheus of a given address, which is of one cluster."""
    given = read(arguments)
    return given["source"] in (factory.AUTO, sources.PROMETHEUS) and "url" in given.get("prometheus", {})


def add_server_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how a Prometheus-compatible server is reached, without --prometheus-url."""
    group = parser.add_argument_group(SERVER)
    for flag, _, metavar, text in _SERVER:
        if metavar is None:
            group.add_argument(flag, action="store_true", help=text)
        else:
            group.add_argument(flag, metavar=metavar, type=_TYPES.get(metavar, str), help=text)
    _add_header(group)


def read_server(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the fields of `promql.config.ServerOptions` that the options stand for."""
    given = _given(arguments, _SERVER)
    if arguments.prometheus_header:
        given["header"] = arguments.prometheus_header
    return given


def open_prometheus(arguments: argparse.Namespace) -> promql_client.Prometheus | None:
    """Return the server at --prometheus-url; None where none is named. Raises as `config.open_prometheus`."""
    url = read(arguments).get("prometheus", {}).get("url")
    if not url:
        return None
    from kubevitals.promql import config

    return config.open_prometheus(config.ServerOptions(url, **read_server(arguments)))


def _add_header(group: Any) -> None:
    group.add_argument(
        "--prometheus-header",
        action="append",
        metavar="NAME=VALUE",
        help="a further header for that server, such as X-Scope-OrgID=NAME; not for secrets (repeatable)",
    )


def read(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the keywords of `kubevitals.connect` that the options stand for.

    Raises:
        errors.UsageError: two of them do not go together.
    """
    kubelet = _given(arguments, _KUBELET)
    prometheus = _given(arguments, _PROMETHEUS)
    if arguments.prometheus_header:
        prometheus["header"] = arguments.prometheus_header
    url = os.environ.get(URL_VARIABLE)
    if url:
        prometheus.setdefault("url", url)
    given: dict[str, Any] = {"source": arguments.source}
    if getattr(arguments, "detail", False):
        if arguments.source not in (factory.AUTO, sources.KUBELETS):
            raise errors.UsageError(
                f"--detail comes from the kubelets, and --source is {arguments.source}",
                remedy="leave one of them out",
            )
        given["source"] = sources.KUBELETS
        kubelet["detail"] = True
    if kubelet:
        given["kubelet"] = kubelet
    if prometheus:
        given["prometheus"] = prometheus
    return given


def _given(
    arguments: argparse.Namespace, table: tuple[tuple[str, str, str | None, str], ...]
) -> dict[str, Any]:
    values = {key: getattr(arguments, flag[2:].replace("-", "_")) for flag, key, _, _ in table}
    return {key: value for key, value in values.items() if value not in (None, False)}


_TYPES: dict[str, Callable[[str], Any]] = {"N": values.parse_port, "TIME": values.parse_duration}
