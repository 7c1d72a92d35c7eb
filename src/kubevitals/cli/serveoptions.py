"""The options of `serve`, group by group, and which exclude each other."""

from __future__ import annotations

from kubevitals import errors
from kubevitals.cli import (
    clusteroptions,
    collectoroptions,
    expositionoptions,
    historyoptions,
    listeneroptions,
    remotewriteoptions,
    values,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse


_LEAST_DOCTOR = 60.0  # seconds; an examination takes dozens of requests


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
        help="the address to listen on (default: 127.0.0.1); * is all of both families",
    )
    group.add_argument(
        "--port",
        type=values.parse_listening_port,
        default=8080,
        metavar="N",
        help="the port to listen on; 0: any free one (default: 8080)",
    )
    group.add_argument(
        "--tls-cert",
        metavar="FILE",
        help="serve HTTPS with this certificate and its chain, read again when it changes",
    )
    group.add_argument("--tls-key", metavar="FILE", help="the private key of --tls-cert")
    listeneroptions.add_arguments(group)
    group.add_argument(
        "--streams",
        type=values.parse_count,
        default=200,
        metavar="N",
        help="the most event streams among them (default: 200)",
    )


def _add_readers(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--auth",
        choices=["none", "kubernetes", "token-file"],
        help="who may read; kubernetes: accounts with the right to get the route in the cluster; token-file: "
        "who has one of --auth-tokens; none: everybody. Required beyond loopback",
    )
    group.add_argument(
        "--auth-tokens", metavar="FILE", help="a file with one token a line, read again when it changes"
    )
    group.add_argument(
        "--auth-audience",
        action="append",
        metavar="NAME",
        help="an audience that tokens must be issued for (repeatable)",
    )
    group.add_argument(
        "--guard-health",
        action="store_true",
        help="require authentication for /healthz, /livez and /readyz too",
    )
    group.add_argument(
        "--cors-origin",
        action="append",
        metavar="ORIGIN",
        help="allow scripts of this web site to read (repeatable)",
    )


def _add_content(group: argparse._ArgumentGroup) -> None:
    collectoroptions.add_arguments(group)
    group.add_argument(
        "--max-age",
        type=values.parse_duration,
        metavar="TIME",
        help="how old a snapshot may become while its source fails before the service is not ready "
        "(default: 5m)",
    )
    group.add_argument(
        "--doctor",
        type=values.parse_duration,
        metavar="TIME",
        help="have the doctor examine each cluster on its own, every 5m say, and export "
        "kubevitals_doctor_check (default: when /api/v1/doctor is asked, at most once a minute)",
    )
    group.add_argument(
        "--samples",
        type=values.parse_count,
        default=120,
        metavar="N",
        help="how many samples of each series are kept in memory (default: 120, half an hour)",
    )


def _add_labels(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--node-pool-label",
        action="append",
        metavar="KEY",
        help="the label that names the pool of a node (default: those of the clouds)",
    )
    expositionoptions.add_arguments(group)


def _add_log(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--log-format",
        choices=["text", "json"],
        default="text",
        help="the format of log lines (default: text)",
    )
    group.add_argument(
        "--log-level",
        choices=["debug", "info", "warning", "error"],
        default="info",
        help="the least severe lines that are written; debug has requests too (default: info)",
    )


def check(arguments: argparse.Namespace) -> None:
    """Check that the options go together.

    Raises:
        errors.UsageError: they do not.
    """
    if bool(arguments.tls_cert) != bool(arguments.tls_key):
        raise errors.UsageError("--tls-cert and --tls-key go together", remedy="give both")
    if (arguments.auth == "token-file") != bool(arguments.auth_tokens):
        raise errors.UsageError("--auth token-file and --auth-tokens go together", remedy="give both")
    if arguments.doctor is not None and arguments.doctor < _LEAST_DOCTOR:
        raise errors.UsageError(
            f"--doctor examines at most once in {_LEAST_DOCTOR:.0f} seconds", remedy="--doctor 5m"
        )
    clusteroptions.check_namespace(arguments)
    remotewriteoptions.check(arguments)
    if arguments.remote_write is not None and arguments.history is None:
        raise errors.UsageError(
            "--remote-write sends what is recorded in a file, and none is named",
            remedy="add --history FILE, or --history alone for that of `kubevitals record`",
        )
    if arguments.auth_audience and arguments.auth != "kubernetes":
        raise errors.UsageError("--auth-audience goes with --auth kubernetes", remedy="add that")
