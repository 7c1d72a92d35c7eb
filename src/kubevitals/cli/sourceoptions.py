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

URL_VARIABLE = "KUBEVITALS_PROMETHEUS_URL"

# flag, key, metavar, help. A metavar of None makes a switch.
_KUBELET: tuple[tuple[str, str, str | None, str], ...] = (
    (
        "--kubelet-ca",
        "ca_file",
        "FILE",
        "the CA that signs the kubelets' certificates; the cluster's by default",
    ),
    ("--kubelet-insecure-tls", "insecure", None, "take any certificate of a kubelet"),
    ("--kubelet-proxy", "proxy", None, "ask kubelets through the API server; takes the right nodes/proxy"),
    ("--kubelet-port", "port", "N", "of every kubelet; the one that its Node states by default"),
)
_PROMETHEUS: tuple[tuple[str, str, str | None, str], ...] = (
    (
        "--prometheus-url",
        "url",
        "URL",
        f"a Prometheus-compatible server; {URL_VARIABLE} by default. With it, auto asks that first",
    ),
    ("--prometheus-token-file", "token_file", "FILE", "a file with a bearer token for it"),
    ("--prometheus-user-file", "user_file", "FILE", "a file with USER:PASSWORD for it"),
    ("--prometheus-ca", "ca", "FILE", "the CA that signed its certificate; the system's by default"),
    ("--prometheus-client-certificate", "client_certificate", "FILE", "a client certificate for it"),
    ("--prometheus-client-key", "client_key", "FILE", "and its private key"),
    ("--prometheus-insecure", "insecure", None, "do not check its certificate"),
    ("--prometheus-tls-server-name", "tls_server_name", "NAME", "the name to expect in its certificate"),
    ("--prometheus-timeout", "timeout", "TIME", "how long one query may take: 30s by default"),
    (
        "--prometheus-cluster",
        "cluster",
        "NAME[=LABEL]",
        "of several clusters in it the one whose label `cluster`, or LABEL, is NAME",
    ),
    ("--prometheus-range", "range", "TIME", "over which CPU is averaged; some scrapes by default"),
    ("--prometheus-queries", "queries", "FILE", "other PromQL than docs/prometheus.md has"),
)
# How a server is reached, whatever it is asked for.
_SERVER = tuple(each for each in _PROMETHEUS if each[1] not in ("url", "cluster", "range", "queries"))
TAKING_VALUE = frozenset(
    {flag for flag, _, metavar, _ in (*_KUBELET, *_PROMETHEUS) if metavar}
    | {"--source", "--prometheus-header"}
)


def add_arguments(parser: argparse.ArgumentParser, *, detail: bool = False, once: bool = False) -> None:
    """Add the options: with `detail` that for details, with `once` that for not waiting for a rate."""
    group = parser.add_argument_group("where usage comes from")
    group.add_argument(
        "--source",
        choices=factory.NAMES,
        default=factory.AUTO,
        help="auto (the default) takes the best that answers; one that is named is never replaced; "
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
            help="ask the kubelets, and for network, file systems, throttling, OOM kills, swap and pressure "
            "too; takes the right nodes/stats",
        )
    if once:
        group.add_argument(
            "--no-wait",
            action="store_true",
            help="of kubelets: show what one reading tells, usage of CPU unknown, and wait for no second",
        )
    _add_header(group)


def has_address(arguments: argparse.Namespace) -> bool:
    """Return whether usage may come from a Prometheus whose address was given, which knows one cluster."""
    given = read(arguments)
    return given["source"] in (factory.AUTO, sources.PROMETHEUS) and "url" in given.get("prometheus", {})


def add_server_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how a Prometheus-compatible server is reached, but not which one."""
    group = parser.add_argument_group("reaching a Prometheus-compatible server")
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


def _add_header(group: Any) -> None:
    group.add_argument(
        "--prometheus-header",
        action="append",
        metavar="NAME=VALUE",
        help="a further header for it, say X-Scope-OrgID=NAME; not for secrets (repeatable)",
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
