"""The options of `serve`, group by group, and which exclude each other. It must not know the service."""

from __future__ import annotations

from kubevitals import errors
from kubevitals.cli import (
    clusteroptions,
    collectoroptions,
    expositionoptions,
    historyoptions,
    remotewriteoptions,
    values,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse


def add(parser: argparse.ArgumentParser) -> None:
    """Add them all."""
    _add_place(parser.add_argument_group("serving"))
    _add_readers(parser.add_argument_group("who may read"))
    _add_content(parser.add_argument_group("what"))
    _add_labels(parser.add_argument_group("names and labels"))
    historyoptions.add_recording_options(parser, optional=True)
    remotewriteoptions.add_arguments(parser)
    _add_log(parser.add_argument_group("log"))
    clusteroptions.add_cluster_options(parser, several=True, detail=True)


def _add_place(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--address",
        default="127.0.0.1",
        metavar="IP",
        help="where to listen: 127.0.0.1, unless told otherwise",
    )
    group.add_argument(
        "--port",
        type=values.parse_listening_port,
        default=8080,
        metavar="N",
        help="8080, the default; 0: any",
    )
    group.add_argument(
        "--tls-cert", metavar="FILE", help="a certificate with its chain; read again when it changes"
    )
    group.add_argument("--tls-key", metavar="FILE", help="and its private key")
    group.add_argument(
        "--connections",
        type=values.parse_count,
        default=1000,
        metavar="N",
        help="at most so many at once: 1000",
    )
    group.add_argument(
        "--streams",
        type=values.parse_count,
        default=200,
        metavar="N",
        help="event streams among them: 200",
    )


def _add_readers(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--auth",
        choices=["none", "kubernetes", "token-file"],
        help="kubernetes: who may get the route in the cluster; token-file: who has one of --auth-tokens; "
        "none: everybody. Must be said beyond loopback",
    )
    group.add_argument("--auth-tokens", metavar="FILE", help="tokens, one a line, read again when it changes")
    group.add_argument(
        "--auth-audience", action="append", metavar="NAME", help="that tokens must be meant for (repeatable)"
    )
    group.add_argument(
        "--guard-health", action="store_true", help="ask who reads /healthz, /livez and /readyz too"
    )
    group.add_argument(
        "--cors-origin",
        action="append",
        metavar="ORIGIN",
        help="a web site whose scripts may read (repeatable)",
    )


def _add_content(group: argparse._ArgumentGroup) -> None:
    collectoroptions.add_arguments(group)
    group.add_argument(
        "--max-age",
        type=values.parse_duration,
        metavar="TIME",
        help="that a snapshot may have while its source fails; then the service is not ready: 5m",
    )
    group.add_argument(
        "--samples",
        type=values.parse_count,
        default=120,
        metavar="N",
        help="of each series that are kept in memory: 120, half an hour",
    )


def _add_labels(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--node-pool-label",
        action="append",
        metavar="KEY",
        help="names a node's pool; clouds' own by default",
    )
    expositionoptions.add_arguments(group)


def _add_log(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--log-format", choices=["text", "json"], default="text", help="text (the default) or json"
    )
    group.add_argument(
        "--log-level",
        choices=["debug", "info", "warning", "error"],
        default="info",
        help="info; debug: requests too",
    )


def check(arguments: argparse.Namespace) -> None:
    """Let options pass that can be meant together.

    Raises:
        errors.UsageError: they cannot.
    """
    if bool(arguments.tls_cert) != bool(arguments.tls_key):
        raise errors.UsageError("--tls-cert and --tls-key go together", remedy="give both")
    if (arguments.auth == "token-file") != bool(arguments.auth_tokens):
        raise errors.UsageError("--auth token-file and --auth-tokens go together", remedy="give both")
    clusteroptions.check_namespace(arguments)
    remotewriteoptions.check(arguments)
    if arguments.remote_write is not None and arguments.history is None:
        raise errors.UsageError(
            "--remote-write sends what is recorded in a file, and none is named",
            remedy="add --history FILE, or --history alone for that of `kubevitals record`",
        )
    if arguments.auth_audience and arguments.auth != "kubernetes":
        raise errors.UsageError("--auth-audience goes with --auth kubernetes", remedy="add that")
