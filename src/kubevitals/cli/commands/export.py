"""Expose usage, requests, limits and health of nodes, pods and containers to Prometheus.

Serves /metrics on this machine, or writes one reading to stdout or to a file of node_exporter's textfile
collector.
"""

from __future__ import annotations

import sys

from kubevitals import errors, garbage, sanitize, sources
from kubevitals.cli import (
    clusteroptions,
    collectoroptions,
    expositionoptions,
    listeneroptions,
    messages,
    multicluster,
    oneshot,
    servicerights,
    signals,
    values,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from kubevitals import cluster as clusters
    from kubevitals import model
    from kubevitals.surfaces import exposition

EPILOG = """\
docs/metrics.md lists all metrics with type, unit and labels.

examples:
  kubevitals export                                   serve http://127.0.0.1:9100/metrics
  kubevitals export --labels workload --labels team   add two labels to pods and containers
  kubevitals export --compat metrics-server-prom      add its four families, in cores and bytes
  kubevitals export --compat kube-state-metrics       add families of kube-state-metrics
  kubevitals export --once                            write one reading to stdout
  kubevitals export --once --textfile /var/lib/node_exporter/textfile/kubevitals.prom

There is neither TLS nor authentication here; `kubevitals serve` has both.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `export`."""
    serving = parser.add_argument_group("serving")
    serving.add_argument(
        "--port",
        type=values.parse_listening_port,
        default=9100,
        metavar="N",
        help="the port to listen on; 0: any free one (default: 9100)",
    )
    serving.add_argument(
        "--address",
        default="127.0.0.1",
        metavar="IP",
        help="the address to listen on (default: 127.0.0.1); * is all of both families",
    )
    serving.add_argument(
        "--auth",
        choices=["none"],
        help="none: confirms that everyone may read who reaches an --address beyond loopback",
    )
    serving.add_argument(
        "--no-gzip", action="store_true", help="never compress, which saves CPU on fast networks"
    )
    listeneroptions.add_arguments(serving)
    once = parser.add_argument_group("writing once instead")
    once.add_argument("--once", action="store_true", help="write one reading to stdout and end")
    once.add_argument(
        "--textfile", metavar="FILE", help="with --once: replace this file, in one step, instead"
    )
    once.add_argument(
        "--openmetrics", action="store_true", help="with --once: write OpenMetrics instead of the text format"
    )
    what = parser.add_argument_group("content")
    expositionoptions.add_arguments(what)
    what.add_argument("--compat-only", action="store_true", help="leave out kubevitals' own families")
    collectoroptions.add_arguments(what)
    clusteroptions.add_cluster_options(parser, several=True, once=True, detail=True)


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM and return 0; with --once 1 if usage could not be had.

    Raises:
        errors.KubevitalsError: it cannot begin.
    """
    import contextlib

    _check(arguments)
    wanted = expositionoptions.read(arguments, own=not arguments.compat_only)
    with contextlib.ExitStack() as stack:
        connected = multicluster.connect_all(arguments, stack)
        if arguments.once:
            return _export_once(connected, arguments, wanted)
        return _serve(connected, arguments, wanted)


def _check(arguments: argparse.Namespace) -> None:
    clusteroptions.check_namespace(arguments)
    if arguments.textfile and arguments.openmetrics:
        raise errors.UsageError(
            "the textfile collector reads no OpenMetrics", remedy="leave out --openmetrics"
        )
    if (arguments.textfile or arguments.openmetrics) and not arguments.once:
        raise errors.UsageError("--textfile and --openmetrics go with --once", remedy="add --once")
    if arguments.compat_only and not arguments.compat:
        raise errors.UsageError("--compat-only without --compat leaves nothing", remedy="add --compat")
    from kubevitals.kube.http import urls

    if not (arguments.once or arguments.auth == "none" or urls.is_loopback(arguments.address)):
        raise errors.UsageError(
            f"--address {sanitize.printable(arguments.address)[:60]}: there everybody could read",
            remedy="add --auth none if that is meant, or use kubevitals serve with --auth kubernetes",
        )


def _needs_usage(wanted: exposition.Options) -> bool:
    """Return whether more than kube-state-metrics' families are wanted."""
    from kubevitals.surfaces.exposition import options as option_set

    return wanted.own or option_set.METRICS_SERVER_PROM in wanted.compat


def _serve(
    connected: list[clusters.Cluster], arguments: argparse.Namespace, wanted: exposition.Options
) -> int:
    import contextlib
    import threading

    from kubevitals import collector
    from kubevitals.surfaces.exposition import exporter as exporters
    from kubevitals.surfaces.exposition import httpserver
    from kubevitals.surfaces.http import logs

    logs.set_up("text", "warning")
    namespace = arguments.namespace
    states = multicluster.open_states(connected, wanted, namespace=namespace)
    collectors = {
        cluster.name: collector.Collector(
            cluster, interval=arguments.interval, namespace=namespace, nodes=not arguments.no_nodes
        )
        for cluster in connected
        if _needs_usage(wanted)
    }
    exporter = exporters.Exporter(collectors, wanted, states=states)
    garbage.collect_seldom()
    stopping = threading.Event()
    with contextlib.ExitStack() as running, signals.StopSignals(stopping.set):
        hosts, address_hosts = listeneroptions.choose_hosts(arguments)
        server = httpserver.Server(
            exporter,
            address=arguments.address,
            port=arguments.port,
            gzip=not arguments.no_gzip,
            connections=listeneroptions.fit_connections(arguments),
            answer_bytes=listeneroptions.fit_answers(arguments),
            hosts=hosts,
            address_hosts=address_hosts,
        )
        servicerights.check(connected, arguments)
        for one in collectors.values():
            running.enter_context(one)
        for state in states:
            running.enter_context(state)
        running.enter_context(server)
        print(f"serving {server.url}/metrics", file=sys.stderr, flush=True)
        while not stopping.wait(3600):
            pass
    return 0


def _export_once(
    connected: list[clusters.Cluster], arguments: argparse.Namespace, wanted: exposition.Options
) -> int:
    from kubevitals import files, reader
    from kubevitals.kube import objectcache
    from kubevitals.surfaces import exposition
    from kubevitals.surfaces.exposition import kube_state_metrics
    from kubevitals.surfaces.exposition import options as option_set

    pairs = []
    held = []
    problems: list[model.Problem] = []
    code = 0
    several = len(connected) > 1
    request = reader.Request(
        nodes=not arguments.no_nodes, namespace=arguments.namespace, with_owners=wanted.workload
    )
    for cluster in connected:
        if _needs_usage(wanted):
            snapshot, _ = oneshot.take(cluster, request, wait=oneshot.choose_wait(arguments), narrow=False)
            pairs.append((snapshot, None))
            problems += snapshot.problems
            # Usage was asked for, unless the source `none` was.
            code = code or int(snapshot.source == sources.NONE != arguments.source)
        if option_set.KUBE_STATE_METRICS in wanted.compat:
            converts = kube_state_metrics.converts(cluster.name if several else None)
            found, missing = objectcache.fetch(cluster.client, converts, namespace=arguments.namespace)
            held.append(found)
            problems += missing
    body = exposition.render(
        pairs,
        openmetrics=arguments.openmetrics,
        options=wanted,
        further=kube_state_metrics.samples(held),
    )
    if arguments.textfile:
        # The collector runs as another user, and reads nothing but what ends in .prom.
        files.write(arguments.textfile, body, what="the metrics", mode=0o644)
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(body)
    for problem in problems:
        messages.show("note", problem.message)
    return code
