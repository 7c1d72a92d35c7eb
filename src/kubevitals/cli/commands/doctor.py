"""Find out which layer of the cluster's metrics is silent, why, and what to do about it.

It walks from the API server over nodes, kubelets, cAdvisor and metrics-server to Prometheus, Alertmanager and
autoscalers, names the one layer that is the cause, and shows proof, fix and what not to do. It reads alone:
nothing is created or changed, and nothing leaves the cluster.
"""

from __future__ import annotations

import contextlib
import sys
import time
from datetime import UTC, datetime

from kubevitals import errors, severity
from kubevitals.cli import clusteroptions, messages, progress, sourceoptions, values
from kubevitals.surfaces.terminal import console

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

    from kubevitals import doctor as doctors
    from kubevitals.doctor import onset, subjects
    from kubevitals.doctor import report as reports
    from kubevitals.kube import client as kube_client

EPILOG = """\
examples:
  kubevitals doctor                            all layers: what is silent, why, and what to do
  kubevitals doctor --simulate --simulation fault=metrics-unavailable
  kubevitals doctor --only metrics_server      one layer (or one finding) only
  kubevitals doctor -n shop                    what can be told of one namespace
  kubevitals doctor hpa shop/api               why does this one show nothing? also: pod NS/NAME, node NAME
  kubevitals doctor --prometheus-url http://127.0.0.1:9090   with what that Prometheus says of its targets
  kubevitals doctor --wait 2m                  again and again until nothing is wrong, for two minutes
  kubevitals doctor -o json                    one document, described by docs/doctor.schema.json
  kubevitals doctor --since 24h                since when, by what was recorded, and what came before
  kubevitals doctor --security --probe         what is too open, and what applications answer
  kubevitals doctor --short --redact           a few lines to paste, without names
  kubevitals doctor explain                    all findings; with an id, its page (no cluster is needed)

Exit codes: 0 nothing at or above --fail-on; 1 findings; 2 wrong usage; 3 the cluster could not be examined.
"""
_FORMS = ("wide", "json")
_FAIL_ON = (*severity.SEVERITIES[:2], "unknown", "never")
_PAUSE = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `doctor`."""
    parser.add_argument(
        "words",
        metavar="WHAT",
        nargs="*",
        help="pod NS/NAME, node NAME, hpa NS/NAME: why this one shows nothing; explain [ID], offline",
    )
    parser.add_argument("-n", "--namespace", metavar="NAME", help="what can be told of one namespace")
    parser.add_argument(
        "--only", action="append", metavar="NAMES", help="these layers or findings only, separated by commas"
    )
    parser.add_argument("--skip", action="append", metavar="NAMES", help="all but these")
    parser.add_argument("-o", "--output", choices=_FORMS, help="another form of output")
    parser.add_argument(
        "--since",
        metavar="TIME",
        help="since when it is silent, by what was recorded from then on: 24h, 03:00",
    )
    parser.add_argument(
        "--history", metavar="FILE|URL", help="where it was recorded; by default as `kubevitals history`"
    )
    parser.add_argument(
        "--security", action="store_true", help="what is too open, too: ports, certificates, nodes/proxy"
    )
    parser.add_argument(
        "--probe",
        action="store_true",
        help="ask ports of kubelets and announced endpoints of applications, without credentials",
    )
    parser.add_argument("--short", action="store_true", help="a few lines to paste")
    parser.add_argument("--redact", action="store_true", help="hide names and addresses of the cluster")
    parser.add_argument(
        "--fail-on",
        choices=_FAIL_ON,
        default=severity.CRITICAL,
        metavar="WORD",
        help="exit with 1 from here on: critical (default), warning, unknown, never",
    )
    parser.add_argument(
        "--timeout", type=values.parse_timeout, default=15.0, metavar="TIME", help="for all of it (15s)"
    )
    parser.add_argument(
        "--max-nodes",
        type=values.parse_count,
        default=20,
        metavar="N",
        help="kubelets that are asked themselves, where that is allowed (20)",
    )
    parser.add_argument(
        "--wait", type=values.parse_duration, metavar="TIME", help="examine again until nothing is wrong"
    )
    clusteroptions.add_cluster_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Examine the cluster, print what was found, and return the exit code."""
    if arguments.words[:1] == ["explain"]:
        return _explain(arguments.words)
    from kubevitals import doctor

    subject = _choose_subject(arguments)

    options = doctor.Options(
        namespace="" if subject is not None else arguments.namespace or "",
        subject=subject,
        only=_names(arguments.only),
        skip=_names(arguments.skip),
        timeout=arguments.timeout or float("inf"),
        request_timeout=min(5.0, arguments.request_timeout or 5.0),
        max_nodes=arguments.max_nodes,
        security=arguments.security,
        probe=arguments.probe,
    )
    try:
        found = _examine(arguments, options)
    except errors.UsageError:
        raise
    except errors.KubevitalsError as error:
        print(f"NOT EXAMINED  API server: {error.message}".replace("\n", " "), flush=True)
        messages.show_error(error)
        return 3
    code = judge(found, arguments.fail_on)
    print(_render(arguments, found, code), end="")
    return code


def judge(found: reports.Report, fail_on: str) -> int:
    """Return the exit code of a report."""
    from kubevitals.doctor import report

    worst = {each.severity for each in found.findings}
    bad = {
        severity.CRITICAL: severity.CRITICAL in worst,
        severity.WARNING: bool(worst & {severity.CRITICAL, severity.WARNING}),
        "unknown": bool(worst & {severity.CRITICAL, severity.WARNING}) or found.verdict == report.INCOMPLETE,
        "never": False,
    }[fail_on]
    if not found.examined and not worst:
        return 3
    return 1 if bad else 0


def _choose_subject(arguments: argparse.Namespace) -> subjects.Subject | None:
    """Return the object that is asked about; None for all. Raises errors.UsageError if that is none."""
    words = arguments.words
    if not words:
        return None
    from kubevitals.doctor import subjects

    kind, slash, name = words[0].partition("/")
    if len(words) == 1 and slash:  # as kubectl: pod/NAME
        words = [kind, name]
    if len(words) != 2:
        subjects.parse(words[0], "")
        raise errors.UsageError(f"which {words[0]}?", remedy=f"kubevitals doctor {words[0]} NAME")
    return subjects.parse(words[0], words[1], namespace=arguments.namespace or "")


def _names(given: list[str] | None) -> frozenset[str]:
    return frozenset(word.strip() for text in given or () for word in text.split(",") if word.strip())


def _explain(words: list[str]) -> int:
    from kubevitals.doctor import explanation

    if len(words) > 2:
        raise errors.UsageError("explain takes one finding", remedy="kubevitals doctor explain ID")
    print(explanation.explain(words[1]) if len(words) == 2 else explanation.list_all(), end="")
    return 0


def _examine_once(client: kube_client.Client, options: doctors.Options, **others: Any) -> reports.Report:
    from kubevitals import doctor

    said = ""

    def keep(done: int, total: int) -> None:
        nonlocal said
        said = f"checks {done}/{total} {progress.bar(done / total)}"

    with progress.Progress(lambda: said):
        return doctor.examine(client, options, progress=keep, **others)


def _examine(arguments: argparse.Namespace, options: doctors.Options) -> reports.Report:
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(clusteroptions.connect(arguments))
        prometheus = sourceoptions.open_prometheus(arguments)
        if prometheus is not None:
            stack.callback(prometheus.close)
        last_sample = _open_past(arguments, stack, cluster.name)
        until = time.monotonic() + (arguments.wait or 0.0)
        while True:
            found = _examine_once(cluster.client, options, prometheus=prometheus, last_sample=last_sample)
            if not judge(found, arguments.fail_on) or time.monotonic() + _PAUSE > until:
                return found
            time.sleep(_PAUSE)


def _open_past(
    arguments: argparse.Namespace, stack: contextlib.ExitStack, cluster: str
) -> onset.LastSample | None:
    """Return what says when usage was recorded last; None without --since.

    Raises:
        errors.UsageError: --since is no time.
        errors.HistoryError: there is nothing recorded, or it cannot be read.
    """
    if arguments.since is None:
        if arguments.history is not None:
            raise errors.UsageError("--history goes with --since", remedy="add --since 24h")
        return None
    from kubevitals.cli import historyoptions
    from kubevitals.history import lastsample
    from kubevitals.surfaces.view import times

    now = datetime.now(UTC)
    since = times.parse_moment(arguments.since, now=now)
    recorded = stack.enter_context(contextlib.closing(historyoptions.open_reader(arguments)))
    return lastsample.finder(recorded, cluster, back=(now - since).total_seconds())


def _render(arguments: argparse.Namespace, found: reports.Report, code: int) -> str:
    from kubevitals.doctor import redaction
    from kubevitals.surfaces.view import doctortext

    if arguments.redact:
        found = redaction.redact(found)
    if arguments.output == "json":
        import json

        return json.dumps(found.to_dict() | {"exit_code": code}, indent=1, ensure_ascii=False) + "\n"
    if arguments.short:
        return doctortext.render_short(found, code=code)
    style = console.detect_style(sys.stdout)
    width = style.width or doctortext.WIDTH
    height = None
    if sys.stdout.isatty() and arguments.output is None:
        import shutil

        height = shutil.get_terminal_size((width, doctortext.HEIGHT)).lines
    return doctortext.render(found, code=code, width=width, height=height, wide=arguments.output == "wide")
