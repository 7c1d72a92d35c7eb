"""Serve live snapshots over HTTP: JSON for Grafana and programs, metrics for Prometheus, a page for people.

Nodes and pods are kept current by watching, usage is read every --interval, and a request never touches the
cluster. It ends with Ctrl-C or SIGTERM, within five seconds.
"""

from __future__ import annotations

import sys

from kubevitals import errors, sockets
from kubevitals.cli import (
    expositionoptions,
    historyoptions,
    listeneroptions,
    multicluster,
    serveoptions,
    servicerights,
    signals,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    import contextlib
    import ssl

    from kubevitals import cluster as clusters
    from kubevitals import collector
    from kubevitals import history as histories
    from kubevitals.doctor import examiner
    from kubevitals.surfaces.web import auth, webserver
    from kubevitals.surfaces.web import settings as web_settings

EPILOG = """\
examples:
  kubevitals serve --simulate                  on http://127.0.0.1:8080, no cluster needed
  kubevitals serve --context prod --context test
  kubevitals serve -n shop                     one namespace, where rights end there
  kubevitals serve --history                   with weeks of history in a file
  kubevitals serve --doctor 5m                 and which layer is silent, for alerts
  kubevitals serve --address 0.0.0.0 --auth kubernetes --tls-cert tls.crt --tls-key tls.key
  curl -s 127.0.0.1:8080/api/v1/infra/nodes    then look at http://127.0.0.1:8080/ for all routes

Needs the extra `serve`: pip install 'kubevitals[serve]'
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `serve`."""
    serveoptions.add(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM and return 0.

    Raises:
        errors.KubevitalsError: it cannot begin.
    """
    serveoptions.check(arguments)
    multicluster.check_one_judge(arguments)
    try:
        from kubevitals.surfaces.http import logs
        from kubevitals.surfaces.web import auth, webserver
    except ImportError as error:
        raise errors.ConfigurationError(
            f"`kubevitals serve` needs packages that are not installed ({error.name})",
            remedy="pip install 'kubevitals[serve]'",
        ) from error
    import contextlib
    import logging

    logs.set_up(arguments.log_format, arguments.log_level)
    log = logging.getLogger("kubevitals.serve")
    tls = _open_tls(arguments)
    for warning in (
        *auth.check_exposure(arguments.address, arguments.auth, tls=tls is not None),
        *auth.check_origins(arguments.cors_origin or (), arguments.auth),
    ):
        log.warning(warning, extra={"event": "exposed"})
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(
            sockets.listen(arguments.address, arguments.port, backlog=webserver.BACKLOG)
        )
        connected = multicluster.connect_all(arguments, stack)
        authenticator = _open_authenticator(arguments, connected[0])
        stack.callback(authenticator.close)
        collectors, server = _build(arguments, connected, authenticator, stack)
        server.config.ssl = tls
        servicerights.check(connected, arguments)
        with signals.StopSignals(server.end):
            for one in collectors.values():
                one.start()
            url = sockets.url_of(listening, scheme="http" if tls is None else "https")
            log.info("serving %s", url, extra={"event": "serving", "url": url, "clusters": list(collectors)})
            _invite(url)
            server.run(sockets=[listening])
            _stop(collectors)
        log.info("ended", extra={"event": "ended"})
    return 0


def _invite(url: str) -> None:
    """Tell who sits before the terminal what to open; a log is spared that."""
    if sys.stderr.isatty():
        print(f"\nopen {url}/ in a browser; Ctrl-C ends it\n", file=sys.stderr, flush=True)


def _open_tls(arguments: argparse.Namespace) -> ssl.SSLContext | None:
    """Return the context of --tls-cert, which follows its files; None without."""
    if not arguments.tls_cert:
        return None
    from kubevitals.surfaces.web import certs

    return certs.Certificate(arguments.tls_cert, arguments.tls_key).context


def _open_authenticator(arguments: argparse.Namespace, first: clusters.Cluster) -> auth.Authenticator:
    """Return the authenticator; with --auth kubernetes the first cluster decides."""
    from kubevitals.surfaces.web import auth

    if arguments.auth == "kubernetes":
        return auth.Authenticator.kubernetes(first.client, audiences=arguments.auth_audience or ())
    if arguments.auth == "token-file":
        return auth.Authenticator.token_file(arguments.auth_tokens)
    return auth.Authenticator.none()


def _build(
    arguments: argparse.Namespace,
    connected: list[clusters.Cluster],
    authenticator: auth.Authenticator,
    stack: contextlib.ExitStack,
) -> tuple[dict[str, collector.Collector], webserver.Server]:
    """Return the collectors, not yet started, and the server over them."""
    from kubevitals import collector, garbage
    from kubevitals.surfaces.web import app, webserver

    sweeper = garbage.Sweeper()
    sweeper.start()
    collectors = {
        cluster.name: collector.Collector(
            cluster,
            interval=arguments.interval,
            namespace=arguments.namespace,
            max_age=arguments.max_age,
            nodes=not arguments.no_nodes,
            around=lambda: sweeper,
        )
        for cluster in connected
    }
    settings = _remember(
        arguments, connected, collectors, stack, _settle(arguments, connected, authenticator)
    )
    settings = settings._replace(examiners=_examine(arguments, connected, stack, settings.history))
    for state in settings.states:
        stack.enter_context(state)
    connections = listeneroptions.fit_connections(arguments)
    return collectors, webserver.Server(app.create_app(collectors, settings), connections=connections)


def _examine(
    arguments: argparse.Namespace,
    connected: list[clusters.Cluster],
    stack: contextlib.ExitStack,
    recorded: histories.History | None,
) -> dict[str, examiner.Examiner]:
    """Return the doctor of each cluster, at work if --doctor says how often."""
    from kubevitals import doctor
    from kubevitals.cli import sourceoptions
    from kubevitals.doctor import examiner
    from kubevitals.history import lastsample

    prometheus = sourceoptions.open_prometheus(arguments)  # only where there is one cluster
    if prometheus is not None:
        stack.callback(prometheus.close)
    options = doctor.Options(namespace=arguments.namespace or "")
    made = {}
    for each in connected:
        last = None if recorded is None else lastsample.finder(recorded, each.name)
        made[each.name] = examiner.Examiner(each.client, options, prometheus=prometheus, last_sample=last)
    if arguments.doctor is not None:
        for one in made.values():
            stack.callback(one.stop)
            one.start(arguments.doctor)
    return made


def _remember(
    arguments: argparse.Namespace,
    connected: list[clusters.Cluster],
    collectors: dict[str, collector.Collector],
    stack: contextlib.ExitStack,
    chosen: web_settings.Settings,
) -> web_settings.Settings:
    """Return the settings with the history that the collectors feed from now on."""
    from kubevitals.history import fallback, ring

    held = ring.Ring(arguments.samples, arguments.interval)
    simulated = next((each for each in connected if each.world is not None), None)
    for one in collectors.values():
        one.subscribe(lambda published: held.append(published.snapshot))
    if arguments.history is None:
        return chosen._replace(history=simulated.past(recorded=held) if simulated else held)
    kept = stack.enter_context(historyoptions.recording(arguments, collectors.values(), must=False))
    return chosen._replace(
        history=fallback.Fallback(kept.store, held, window=held.window), recorded=kept.look
    )


def _settle(
    arguments: argparse.Namespace,
    connected: list[clusters.Cluster],
    authenticator: auth.Authenticator,
) -> web_settings.Settings:
    from kubevitals.surfaces.web import settings

    wanted = expositionoptions.read(arguments)
    hosts, address_hosts = listeneroptions.choose_hosts(arguments)
    return settings.Settings(
        authenticator=authenticator,
        open_health=not arguments.guard_health,
        exposition=wanted,
        states=multicluster.open_states(connected, wanted, namespace=arguments.namespace),
        origins=tuple(arguments.cors_origin or ()),
        hosts=hosts,
        address_hosts=address_hosts,
        node_pool_labels=tuple(arguments.node_pool_label or settings.NODE_POOL_LABELS),
        streams=arguments.streams,
        answer_bytes=listeneroptions.fit_answers(arguments),
    )


def _stop(collectors: dict[str, collector.Collector]) -> None:
    """Stop all collectors at the same time, within a second and a half."""
    from kubevitals import parallel

    parallel.run([lambda one=one: one.stop(timeout=1.5) for one in collectors.values()])  # type: ignore[misc]
