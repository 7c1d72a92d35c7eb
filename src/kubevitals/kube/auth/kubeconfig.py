"""Which cluster and which credentials: options, KUBECONFIG, the pod's service account, ~/.kube/config."""

from __future__ import annotations

import os
import time

from kubevitals import errors, sanitize
from kubevitals.kube.auth import endpoint, incluster, kubeconfig_file, overrides

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import NamedTuple

    from kubevitals.kube import clientconfig
else:
    from kubevitals.namedtuple import NamedTuple

_SIMULATE = "try it on a simulated cluster with --simulate"


class Options(NamedTuple):
    """kubectl's global options; None or empty is "not given". `repr` shows no secret.

    Paths are relative to the working directory. `insecure_skip_tls_verify` and `disable_compression` may
    also be False, which overrides what the kubeconfig says.
    """

    kubeconfig: str | None = None
    context: str | None = None
    cluster: str | None = None
    user: str | None = None
    server: str | None = None
    token: str | None = None
    token_file: str | None = None
    certificate_authority: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    insecure_skip_tls_verify: bool | None = None
    tls_server_name: str | None = None
    namespace: str | None = None
    username: str | None = None
    password: str | None = None
    as_user: str | None = None
    as_groups: Sequence[str] = ()
    as_uid: str | None = None
    as_user_extra: Mapping[str, Sequence[str]] = {}
    proxy_url: str | None = None
    disable_compression: bool | None = None

    def __repr__(self) -> str:
        given = [
            name for name, value in zip(self._fields, self, strict=True) if value not in (None, "", (), {})
        ]
        return f"<Options given={given}>"


def open_config(
    options: Options,
    *,
    environ: Mapping[str, str],
    clock: Callable[[], float] = time.time,
    home: str | None = None,
    service_account: str = incluster.FOLDER,
    interactive: bool = True,
) -> clientconfig.ClientConfig:
    """Return the cluster that is meant and its credentials. Files are read; no plugin runs, nothing is sent.

    Options go before KUBECONFIG, that before the service account of the pod, that before ~/.kube/config of
    `home` (default: environ's HOME). `--context`, `--cluster` and `--user` select within the files; every
    other option overrides a field of what is selected. `interactive=False` keeps exec plugins off the
    terminal. `clock` gives seconds since 1970.

    Raises:
        errors.NoClusterError: nothing names a cluster.
        errors.ConfigurationError: what names it cannot be used.
    """
    account = None
    if not (options.kubeconfig or options.server or options.context or options.cluster or options.user):
        account = incluster.find_service_account(environ, folder=service_account)
    # In a pod ~/.kube/config comes last, and KUBECONFIG before the service account.
    paths = list_paths(options, environ=environ, home=home if account is None else "")
    config = read_files(paths, required=bool(options.kubeconfig))
    chosen = options.context or config.current_context
    listed = not options.kubeconfig and bool(environ.get("KUBECONFIG"))
    if account is not None and not chosen:
        return _open_account(account, options, environ=environ, clock=clock, interactive=interactive)
    if not (chosen or options.cluster or options.server or "" in config.contexts):
        raise _no_cluster(config, paths, listed=listed)
    context = _select_context(config, chosen, paths)
    cluster = overrides.override_cluster(_select_cluster(config, context, options), options)
    user = overrides.override_user(_select_user(config, context, cluster, options), options)
    return endpoint.open_endpoint(
        cluster,
        user,
        context=chosen,
        namespace=overrides.parse_namespace(options) or context.text("namespace"),
        origin=_origin(context, cluster, listed=listed),
        environ=environ,
        clock=clock,
        recheck=1.0,
        interactive=interactive,
    )


def read_files(paths: Sequence[str], *, required: bool = False) -> kubeconfig_file.Kubeconfig:
    """Return the files merged as kubectl merges them; missing ones are skipped unless `required`."""
    merged = kubeconfig_file.Kubeconfig()
    for path in paths:
        config = kubeconfig_file.read_file(path)
        if config is not None:
            merged.merge(config)
        elif required:
            raise errors.ConfigurationError(
                f"there is no kubeconfig {sanitize.excerpt(path)}",
                remedy=f"Correct --kubeconfig, or {_SIMULATE}.",
            )
    return merged


def list_paths(options: Options, *, environ: Mapping[str, str], home: str | None = None) -> list[str]:
    """Return the kubeconfig files to read, first wins: --kubeconfig, else KUBECONFIG, else ~/.kube/config."""
    if options.kubeconfig:
        return [options.kubeconfig]
    if listed := environ.get("KUBECONFIG"):
        return [path for path in dict.fromkeys(listed.split(os.pathsep)) if path]
    if home is None:
        home = environ.get("HOME") or environ.get("USERPROFILE") or ""
    return [os.path.join(home, ".kube", "config")] if home else []  # noqa: PTH118 - pathlib costs 8 ms


def _open_account(
    account: incluster.ServiceAccount,
    options: Options,
    *,
    environ: Mapping[str, str],
    clock: Callable[[], float],
    interactive: bool,
) -> clientconfig.ClientConfig:
    return endpoint.open_endpoint(
        overrides.override_cluster(account.cluster, options),
        overrides.override_user(account.user, options),
        context="in-cluster",
        namespace=overrides.parse_namespace(options) or account.namespace,
        origin="service account",
        environ=environ,
        clock=clock,
        recheck=incluster.RECHECK_SECONDS,
        interactive=interactive,
        warnings=account.warnings,
    )


def _select_context(
    config: kubeconfig_file.Kubeconfig, name: str, paths: Sequence[str]
) -> kubeconfig_file.Entry:
    if name in config.contexts:
        return config.contexts[name]
    if not name:
        return kubeconfig_file.Entry("context", "", body={})
    raise _no_such("context", name, config.contexts, where=_join_paths(paths))


def _select_cluster(
    config: kubeconfig_file.Kubeconfig, context: kubeconfig_file.Entry, options: Options
) -> kubeconfig_file.Entry:
    name = options.cluster or context.text("cluster")
    if name in config.clusters:
        return config.clusters[name]
    if name and (options.cluster or not options.server):
        where = "--cluster" if options.cluster else context.where
        raise _no_such("cluster", name, config.clusters, where=where)
    if not options.server:
        raise context.wrong("cluster", "is missing", remedy="Name a cluster there, or with --cluster.")
    return kubeconfig_file.Entry("the option --server", "", body={})


def _select_user(
    config: kubeconfig_file.Kubeconfig,
    context: kubeconfig_file.Entry,
    cluster: kubeconfig_file.Entry,
    options: Options,
) -> kubeconfig_file.Entry:
    name = options.user or context.text("user")
    if name in config.users:
        return config.users[name]
    # Over plain HTTP no credential is sent, so that kubectl does not look for the entry.
    if name and (options.user or endpoint.parse_server(cluster).startswith("https://")):
        raise _no_such("user", name, config.users, where="--user" if options.user else context.where)
    return kubeconfig_file.Entry("user", "", body={})


def _origin(context: kubeconfig_file.Entry, cluster: kubeconfig_file.Entry, *, listed: bool) -> str:
    path = context.path or cluster.path
    if not path:
        return "option --server"
    return f"{path} (KUBECONFIG)" if listed else path


def _join_paths(paths: Sequence[str]) -> str:
    return sanitize.excerpt(", ".join(paths)) or "any kubeconfig"


def _no_such(kind: str, name: str, known: Mapping[str, object], *, where: str) -> errors.ConfigurationError:
    names = [sanitize.excerpt(other) for other in _closest_first(name, list(known))[:12]]
    more = f" and {len(known) - 12} more" if len(known) > 12 else ""
    said = sanitize.excerpt(name)
    message = f'there is no {kind} "{said}" in {where}'
    if where.startswith("--") or kind != "context":
        message = f'{where} names the {kind} "{said}", which no kubeconfig holds'
    remedy = f"There are: {', '.join(names)}{more}." if names else f"No kubeconfig holds any {kind}."
    return errors.ConfigurationError(message, remedy=remedy)


def _closest_first(name: str, known: list[str]) -> list[str]:
    import difflib

    def distance(other: str) -> tuple[bool, float, str]:
        inside = bool(name) and name.lower() in other.lower()
        return not inside, -difflib.SequenceMatcher(None, name.lower(), other.lower()).ratio(), other

    return sorted(known, key=distance)


def _no_cluster(
    config: kubeconfig_file.Kubeconfig, paths: Sequence[str], *, listed: bool
) -> errors.NoClusterError:
    places = _join_paths(paths)
    if config.contexts:
        names = ", ".join(sanitize.excerpt(name) for name in list(config.contexts)[:12])
        return errors.NoClusterError(
            f"{places} names no current context",
            remedy=f"Choose one with --context: {names}; or {_SIMULATE}.",
        )
    if config.paths:
        what = f"{places} holds no context"
    elif listed:
        what = f"KUBECONFIG names no file that exists ({places})"
    else:
        what = "nothing says which cluster to read: no KUBECONFIG, not in a pod"
        what += f", and no {places}" if paths else ", and no home folder"
    return errors.NoClusterError(
        what, remedy=f"Name a kubeconfig with --kubeconfig or KUBECONFIG; or {_SIMULATE}."
    )
