"""Expose nodes, pods and containers to Prometheus, right units included, without any further service.

Serves /metrics on this machine, or writes it once: to stdout, or for node_exporter's textfile collector.
"""

from __future__ import annotations

import sys

from kubevitals import errors, sanitize, sources
from kubevitals.cli import clusteroptions, multicluster, oneshot, signals, values

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from kubevitals import cluster as clusters
    from kubevitals import model
    from kubevitals.surfaces import exposition

EPILOG = """\
Every metric is documented in docs/metrics.md: name, type, unit, labels.

examples:
  kubevitals export                                   serve http://127.0.0.1:9100/metrics
  kubevitals export --labels workload --labels team   with more labels on pods and containers
  kubevitals export --compat metrics-server-prom      with its four families too, in cores and bytes
  kubevitals export --compat kube-state-metrics       with families under kube-state-metrics' names
  kubevitals export --once                            one reading to stdout
  kubevitals export --once --textfile /var/lib/node_exporter/textfile/kubevitals.prom

It has neither TLS nor authentication: `kubevitals serve` has both.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `export`."""
    serving = parser.add_argument_group("serving")
    serving.add_argument(
        "--port",
        type=values.parse_listening_port,
        default=9100,
        metavar="N",
        help="where to listen: 9100 (the default); 0: any",
    )
    serving.add_argument(
        "--address",
        default="127.0.0.1",
        metavar="IP",
        help="where to listen: 127.0.0.1, unless told otherwise",
    )
    serving.add_argument(
        "--auth", choices=["none"], help="none: let everyone read who reaches an --address beyond loopback"
    )
    serving.add_argument(
        "--interval",
        type=values.parse_duration,
        default=15.0,
        metavar="TIME",
        help="how often usage is read: 15s, the default",
    )
    serving.add_argument("--no-gzip", action="store_true", help="never compress: spares CPU on fast networks")
    once = parser.add_argument_group("or once")
    once.add_argument("--once", action="store_true", help="write one reading to stdout and end")
    once.add_argument(
        "--textfile", metavar="FILE", help="with --once: write to this file instead, in one step"
    )
    once.add_argument("--openmetrics", action="store_true", help="with --once: OpenMetrics instead of text")
    what = parser.add_argument_group("what")
    what.add_argument(
        "--labels",
        action="append",
        metavar="NAME",
        help="a further label on pods and containers: workload, ip, uid, or the key of a Kubernetes label",
    )
    what.add_argument(
        "--compat",
        action="append",
        metavar="EXPORTER",
        help="also families under the names of metrics-server-prom or kube-state-metrics",
    )
    what.add_argument(
        "--compat-only", action="store_true", help="the families of --compat alone, none of kubevitals' own"
    )
    what.add_argument("-n", "--namespace", metavar="NAME", help="pods of one namespace only; all by default")
    what.add_argument("-A", "--all-namespaces", action="store_true", help="all namespaces, the default")
    what.add_argument(
        "--no-nodes", action="store_true", help="leave nodes out, where rights end at a namespace"
    )
    clusteroptions.add_cluster_options(parser, several=True, once=True)


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM and return 0; with --once 1 if usage could not be had.

    Raises:
        errors.KubevitalsError: it cannot begin.
    """
    import contextlib

    from kubevitals.surfaces import exposition

    _check(arguments)
    words = [word for given in arguments.labels or () for word in given.split(",") if word]
    wanted = exposition.make_options(
        labels=tuple(words), compat=tuple(arguments.compat or ()), own=not arguments.compat_only
    )
    with contextlib.ExitStack() as stack:
        connected = multicluster.connect_all(arguments, stack)
        if arguments.once:
            return _export_once(connected, arguments, wanted)
        return _serve(connected, arguments, wanted)


def _check(arguments: argparse.Namespace) -> None:
    if arguments.namespace and arguments.all_namespaces:
        raise errors.UsageError("-n and -A exclude each other", remedy="give one of them")
    if arguments.textfile and arguments.openmetrics:
        raise errors.UsageError(
            "the textfile collector reads no OpenMetrics", remedy="leave out --openmetrics"
        )
    if (arguments.textfile or arguments.openmetrics) and not arguments.once:
        raise errors.UsageError("--textfile and --openmetrics go with --once", remedy="add --once")
    if arguments.compat_only and not arguments.compat:
        raise errors.UsageError("--compat-only without --compat leaves nothing", remedy="add --compat")
    if not (arguments.once or arguments.auth == "none" or _is_loopback(arguments.address)):
        raise errors.UsageError(
            f"--address {sanitize.printable(arguments.address)[:60]}: there everybody could read",
            remedy="add --auth none if that is meant, or use kubevitals serve with --auth kubernetes",
        )


def _is_loopback(address: str) -> bool:
    import ipaddress

    try:
        return address == "localhost" or ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _needs_usage(wanted: exposition.Options) -> bool:
    """Return whether more than kube-state-metrics' families are wanted."""
    from kubevitals.surfaces.exposition import options as option_set

    return wanted.own or option_set.METRICS_SERVER_PROM in wanted.compat


def _serve(
    connected: list[clusters.Cluster], arguments: argparse.Namespace, wanted: exposition.Options
) -> int:
    import contextlib
    import gc
    import threading

    from kubevitals import collector
    from kubevitals.surfaces.exposition import exporter as exporters
    from kubevitals.surfaces.exposition import httpserver

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
    gc.enable()  # the command line turns it off, but this runs for months
    gc.set_threshold(50_000, 20, 50)  # records come by the ten thousand and hardly ever make a cycle
    stopping = threading.Event()
    with contextlib.ExitStack() as running, signals.StopSignals(stopping.set):
        server = httpserver.Server(
            exporter, address=arguments.address, port=arguments.port, gzip=not arguments.no_gzip
        )
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
            snapshot = oneshot.take(cluster, request, patience=oneshot.patience_of(arguments))
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
        print(f"note: {sanitize.printable(problem.message)}", file=sys.stderr)
    return code
