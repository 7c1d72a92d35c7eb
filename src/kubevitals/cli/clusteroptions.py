"""The options that choose a cluster, named as kubectl names them, and the simulated one."""

from __future__ import annotations

from kubevitals import errors, sanitize
from kubevitals.cli import sourceoptions, values

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

    from kubevitals import cluster as clusters

# flag, name in kubevitals.connect(), metavar, help. A metavar of None makes a switch.
_CLUSTER_OPTIONS: tuple[tuple[str, str, str | None, str], ...] = (
    ("--kubeconfig", "kubeconfig", "FILE", "read this kubeconfig instead of KUBECONFIG or ~/.kube/config"),
    ("--context", "context", "NAME", "use this context of the kubeconfig"),
    ("--cluster", "cluster", "NAME", "use this cluster entry of the kubeconfig"),
    ("--user", "user", "NAME", "use this user entry of the kubeconfig"),
    ("--server", "server", "URL", "the API server's address"),
    ("--token", "token", "TOKEN", "a bearer token; it shows in process lists, so prefer --token-file"),
    ("--token-file", "token_file", "FILE", "a file with a bearer token, read again when it changes"),
    ("--username", "username", "NAME", "the user name for basic authentication"),
    ("--password", "password", "TEXT", "the password for basic authentication"),
    (
        "--certificate-authority",
        "certificate_authority",
        "FILE",
        "the CA that signed the server's certificate",
    ),
    ("--client-certificate", "client_certificate", "FILE", "a client certificate"),
    ("--client-key", "client_key", "FILE", "the private key of --client-certificate"),
    ("--tls-server-name", "tls_server_name", "NAME", "the name to expect in the server's certificate"),
    ("--proxy-url", "proxy_url", "URL", "reach the API server through this HTTP proxy"),
    ("--as", "as_user", "USER", "act as this user (impersonation)"),
    ("--as-uid", "as_uid", "UID", "act with this uid"),
)
# Switches that may also say "=false", which overrides the kubeconfig.
_SWITCHES = {
    "--insecure-skip-tls-verify": "do not check the server's certificate",
    "--disable-compression": "do not ask for gzip",
}
_TIMES = frozenset({"--since", "--until", "--at"})
_SHORT = {"--server": "-s"}
TAKING_VALUE = frozenset(
    {flag for flag, _, metavar, _ in _CLUSTER_OPTIONS if metavar}
    | set(_SHORT.values())
    | {"-n", "--namespace", "--as-group", "--as-user-extra", "--request-timeout", "--simulation"}
    | {"--cluster-name"}
    | sourceoptions.TAKING_VALUE
)
_WHICH, _SIMULATED = "which cluster, and as whom (as kubectl)", "a simulated cluster"
SHARED_GROUPS = (_WHICH, sourceoptions.USAGE, sourceoptions.SERVER, _SIMULATED)
"""The titles of the groups of options that all commands share: `kubevitals options` lists them."""
_NUMBERS = frozenset({"nodes", "pods", "seed"})


def add_watch_options(parser: argparse.ArgumentParser) -> None:
    """Add --watch and --interval, of the commands that show the present on one screen."""
    parser.add_argument("-w", "--watch", action="store_true", help="refresh until Ctrl-C")
    parser.add_argument(
        "--interval", type=values.parse_duration, default=5.0, metavar="TIME", help="between refreshes (5s)"
    )


def add_cluster_options(
    parser: argparse.ArgumentParser, *, several: bool = False, detail: bool = False, once: bool = False
) -> None:
    """Add the options that choose a cluster and where its usage comes from.

    With `several`, --context may be repeated and gives a list. `detail` and `once` are of commands that
    show details, and that print one reading: see `sourceoptions.add_arguments`.
    """
    group = parser.add_argument_group(_WHICH)
    for flag, name, metavar, text in _CLUSTER_OPTIONS:
        flags = [_SHORT[flag], flag] if flag in _SHORT else [flag]
        if several and flag == "--context":
            group.add_argument(
                *flags, dest=name, metavar=metavar, action="append", help=f"{text} (repeatable)"
            )
            continue
        group.add_argument(*flags, dest=name, metavar=metavar, help=text)
    if several:
        group.add_argument(
            "--cluster-name",
            metavar="NAME",
            help="call the cluster by this name in answers and labels (default: the name of its context)",
        )
    for flag, text in _SWITCHES.items():
        group.add_argument(flag, type=_parse_switch, metavar="[=true|false]", help=text)
    group.add_argument(
        "--as-group",
        dest="as_groups",
        action="append",
        metavar="GROUP",
        help="act in this group (repeatable)",
    )
    group.add_argument(
        "--as-user-extra",
        action="append",
        metavar="KEY=VALUE",
        help="act with this extra attribute (repeatable)",
    )
    group.add_argument(
        "--request-timeout",
        type=values.parse_timeout,
        default=15.0,
        metavar="TIME",
        help="time limit of a request with its retries, such as 500ms or 1m; 0: none (default: 15s)",
    )
    group.add_argument(
        "--cache-dir",
        metavar="DIR",
        help="accepted as kubectl has it, without effect: nothing is cached on disk",
    )
    sourceoptions.add_arguments(parser, detail=detail, once=once)
    add_simulation_options(parser)


def add_simulation_options(parser: argparse.ArgumentParser) -> None:
    """Add --simulate and --simulation."""
    group = parser.add_argument_group(_SIMULATED)
    group.add_argument("--simulate", action="store_true", help="start a simulated cluster and use it")
    group.add_argument(
        "--simulation",
        type=parse_simulation,
        metavar="SETTINGS",
        help="its size and faults, such as nodes=20,pods=500,fault=metrics-empty; implies --simulate",
    )


def spell_out(argv: list[str]) -> list[str]:
    """Return the words with what argparse would misread in full.

    A bare --disable-compression becomes --disable-compression=true. A time in the past may begin with a
    minus: "--since -6h" becomes --since=-6h. In --limit=-- it would take the value away.

    Raises:
        errors.UsageError: an option has that value, which none takes.
    """
    words: list[str] = []
    for word in argv:
        flag, _, value = word.partition("=")
        if value == "--" and flag.startswith("-") and "--" not in words:
            raise errors.UsageError(
                f"{sanitize.shorten(flag, 60)}: '--' is no value", remedy="name one after the ="
            )
        if words and words[-1] in _TIMES and word.startswith("-") and word[1:2].isdigit():
            words[-1] += f"={word}"
        else:
            words.append(f"{word}=true" if word in _SWITCHES else word)
    return words


def add_namespace_options(parser: argparse.ArgumentParser) -> None:
    """Add -n and -A."""
    parser.add_argument(
        "-n", "--namespace", metavar="NAME", help="the namespace (default: that of the context)"
    )
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="all namespaces")


def check_namespace(arguments: argparse.Namespace) -> None:
    """Check that -n and -A are not both given.

    Raises:
        errors.UsageError: they are.
    """
    if arguments.namespace and arguments.all_namespaces:
        raise errors.UsageError("-n and -A exclude each other", remedy="give one of them")


def connect(arguments: argparse.Namespace) -> clusters.Cluster:
    """Return the cluster that the options choose. It raises what `kubevitals.connect` raises."""
    from kubevitals import cluster as clusters

    given: dict[str, Any] = {
        name: getattr(arguments, name)
        for _, name, _, _ in _CLUSTER_OPTIONS
        if getattr(arguments, name) is not None
    }
    for name in ("insecure_skip_tls_verify", "disable_compression"):
        if getattr(arguments, name) is not None:
            given[name] = getattr(arguments, name)
    if arguments.as_groups:
        given["as_groups"] = arguments.as_groups
    if arguments.as_user_extra:
        given["as_user_extra"] = _parse_extras(arguments.as_user_extra)
    if getattr(arguments, "namespace", None):
        given["namespace"] = arguments.namespace
    if is_simulated(arguments):
        return clusters.open_cluster(
            simulation=arguments.simulation or {},
            request_timeout=arguments.request_timeout,
            **sourceoptions.read(arguments),
        )
    given |= sourceoptions.read(arguments)
    made = clusters.open_cluster(request_timeout=arguments.request_timeout, **given)
    if made.client.config.credentials.kind == "oidc":  # its tokens count once, and are written when they come
        from kubevitals.cli import signals

        signals.interrupt_on_termination()
    return made


def is_simulated(arguments: argparse.Namespace) -> bool:
    """Return whether a simulated cluster is asked for."""
    return bool(arguments.simulate) or arguments.simulation is not None


def parse_simulation(text: str) -> dict[str, Any]:
    """Return the settings of a simulated cluster from "nodes=20,pods=500,fault=slow,fault=metrics-stale"."""
    settings: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        key, _, value = part.partition("=")
        if key in _NUMBERS and value.isdigit():
            settings[key] = int(value)
        elif key in ("calm", "kubelets") and value in ("true", "false"):
            settings[key] = value == "true"
        elif key == "fault" and value:
            settings.setdefault("faults", []).append(value)
        elif key == "metrics-api" and value in ("v1", "v1beta1", "both"):
            settings["metrics_versions"] = ("v1", "v1beta1") if value == "both" else (value,)
        else:
            import argparse

            raise argparse.ArgumentTypeError(
                f"{part!r} is not one of nodes=N, pods=N, seed=N, fault=NAME, kubelets=true, calm=true, "
                "metrics-api=v1|v1beta1|both"
            )
    return settings


def _parse_switch(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        import argparse

        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def _parse_extras(pairs: list[str]) -> dict[str, list[str]]:
    extras: dict[str, list[str]] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise errors.UsageError(f"--as-user-extra {pair!r} is not KEY=VALUE")
        extras.setdefault(key, []).append(value)
    return extras
