"""`kubevitals simulate`: serves a simulated cluster until Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import sys
import textwrap
import threading

from kubevitals import errors, files
from kubevitals.cli import messages, signals, values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from simcluster import simulation

DESCRIPTION = """\
Serves a deterministic cluster on 127.0.0.1: nodes, pods, workloads, events and the metrics API, alive and
with the problems of real ones. kubectl and every other client can use it. It runs until Ctrl-C or SIGTERM.
Nothing it does reaches another machine. It speaks TLS, with a certificate of its own, if the extra `simulate`
is installed (pip install 'kubevitals[simulate]'), and plain HTTP if not.
"""
EXAMPLES = """\
examples:
  kubevitals simulate                      prints the KUBECONFIG to use it with
  kubevitals simulate --write-kubeconfig sim.yaml
  KUBECONFIG=sim.yaml kubevitals top pods -A
  kubevitals simulate --nodes 50 --pods 2000 --seed 7 --port 6443 --write-kubeconfig sim.yaml
  kubevitals simulate --fault metrics-unavailable --fault slow=2s --write-kubeconfig sim.yaml

With --kubelets (which takes the extra) kubelets can be read over HTTPS as metrics-server reads them, at the
address, port and path that each Node states; the context simulated-kubelet-reader has the rights. A kubelet's
fault hits all of them, a share, or those that are named:
  kubevitals simulate --kubelets --fault kubelet-refused=20% --fault kubelet-slow=3s@general-1+memory-*

The administrator of the kubeconfig can change the faults while it runs:
  echo '["forbidden=pods"]' | kubectl --kubeconfig sim.yaml create --raw /simulation/faults -f -
  echo '[]' | kubectl --kubeconfig sim.yaml create --raw /simulation/faults -f -
  kubectl --kubeconfig sim.yaml get --raw /simulation/faults
Further contexts of the kubeconfig are users with fewer rights: simulated-reader,
simulated-metrics-reader, simulated-kubelet-reader, simulated-viewer-NAMESPACE, simulated-nothing; and,
with TLS, simulated-certificate with a client certificate.
"""
_BIG = 10_000  # pods; to build as many takes long enough to say so
_VERSIONS = {"v1beta1": ("v1beta1",), "v1": ("v1",), "both": ("v1", "v1beta1")}
_PLAIN = "served over plain HTTP; TLS needs an extra: pip install 'kubevitals[simulate]'"
_MARK = "# Written by kubevitals simulate; it may be overwritten by it.\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options, the description and the examples to `parser`."""
    parser.description = DESCRIPTION
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    size = parser.add_argument_group("the cluster")
    size.add_argument(
        "--nodes", type=values.WholeNumber(1, 20_000), metavar="N", help="how many nodes (default: a few)"
    )
    size.add_argument(
        "--pods", type=values.WholeNumber(0, 500_000), metavar="M", help="how many pods at the start"
    )
    size.add_argument(
        "--seed",
        type=int,
        default=1,
        metavar="S",
        help="the same number gives the same cluster (default: %(default)s)",
    )
    size.add_argument(
        "--metrics-api",
        choices=sorted(_VERSIONS),
        default="v1beta1",
        help="versions of metrics.k8s.io that are registered (default: %(default)s)",
    )
    size.add_argument(
        "--kubelets",
        action="store_true",
        help="serve each kubelet over HTTPS, at the address of its Node; needs the extra `simulate`",
    )
    size.add_argument(
        "--calm", action="store_true", help="nothing is wrong at the start: all nodes Ready, all pods running"
    )
    serving = parser.add_argument_group("serving")
    serving.add_argument(
        "--port",
        type=values.parse_listening_port,
        default=0,
        metavar="P",
        help="port to listen on (default: any free one)",
    )
    serving.add_argument(
        "--write-kubeconfig",
        metavar="FILE",
        help="where to write the kubeconfig, readable by you only; - is stdout "
        "(default: a file of its own, removed at the end)",
    )
    serving.add_argument(
        "--no-tls",
        action="store_true",
        help="speak plain HTTP; a request without credentials is the administrator's then",
    )
    faulty = parser.add_argument_group("faults")
    faulty.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help="start with this fault in force; may be repeated",
    )
    faulty.add_argument("--list-faults", action="store_true", help="list the faults and exit")


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM and return 0. Raises errors.KubevitalsError if it cannot start."""
    if arguments.list_faults:
        print(list_faults())
        return 0
    from simcluster import errors as simulated_errors

    target: str | None = arguments.write_kubeconfig
    if target not in {None, "-"}:
        _check_target(str(target))
    if (arguments.pods or 0) >= _BIG:
        print(f"building {arguments.pods:,} pods, which takes a while ...", file=sys.stderr, flush=True)
    try:
        _serve(arguments)
    except simulated_errors.SimulationError as error:
        from kubevitals import cluster

        raise cluster.translate_simulation_error(error) from error
    return 0


def _serve(arguments: argparse.Namespace) -> None:
    from simcluster import simulation
    from simcluster.http import certificates

    target: str | None = arguments.write_kubeconfig
    tls = not arguments.no_tls and certificates.can_be_made()
    stopped = threading.Event()
    with signals.StopSignals(stopped.set), contextlib.ExitStack() as cleanup:
        simulated = simulation.SimulatedCluster(
            nodes=arguments.nodes,
            pods=arguments.pods,
            seed=arguments.seed,
            port=arguments.port,
            tls=tls,
            anonymous_admin=not tls,
            faults=arguments.fault,
            metrics_versions=_VERSIONS[arguments.metrics_api],
            kubelets=arguments.kubelets,
            calm=arguments.calm,
        )
        if stopped.is_set():
            return
        gc.collect()
        gc.freeze()  # what the world is made of stays; looking through it again and again would cost seconds
        gc.enable()  # which the command line turned off: this may run for days
        with simulated:
            if target is None:
                import tempfile

                folder = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="kubevitals-"))
                target = os.path.join(folder, "kubeconfig")  # noqa: PTH118 pathlib starts slowly
            if not tls and not arguments.no_tls:
                messages.show("note", _PLAIN)
            _announce(simulated, target)
            while not stopped.wait(3600):
                pass


def faults() -> list[tuple[str, str]]:
    """Return name and summary of each fault."""
    from simcluster import faults as simulated

    return [(fault.name, fault.summary) for fault in simulated.FAULTS.values()]


def list_faults() -> str:
    """Return the faults with their arguments and summaries, a line or two each."""
    from simcluster import faults as simulated

    lines = []
    for fault in simulated.FAULTS.values():
        name = f"{fault.name}[={fault.argument}]" if fault.argument else fault.name
        lines.append(
            textwrap.fill(
                fault.summary,
                100,
                initial_indent=f"{name:31} ",
                subsequent_indent=" " * 32,
                break_on_hyphens=False,
            )
        )
    return "\n".join(lines)


def _announce(simulated: simulation.SimulatedCluster, target: str) -> None:
    ready = f"simulated cluster ready at {simulated.url}"
    if target == "-":
        print(simulated.kubeconfig(), end="", flush=True)
        print(ready, file=sys.stderr, flush=True)
    else:
        content = _MARK + simulated.kubeconfig()
        files.write(target, content.encode(), what="the kubeconfig", mode=0o600)
        print(f"{ready}; use it with KUBECONFIG={target}", flush=True)


def _check_target(target: str) -> None:
    """Refuses to overwrite a kubeconfig that somebody else wrote."""
    try:
        with open(target, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 pathlib starts slowly
            start = file.read(len(_MARK))
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unwritable(target, error) from error
    if start and start != _MARK:
        raise errors.ConfigurationError(
            f"{target} exists and was not written by kubevitals simulate",
            remedy="name another file for --write-kubeconfig, or remove that one",
        )


def _unwritable(target: str, error: OSError) -> errors.ConfigurationError:
    return errors.ConfigurationError(
        f"the kubeconfig cannot be written to {target}: {error.strerror}",
        remedy="name a file for --write-kubeconfig in a directory that exists and is yours",
    )
