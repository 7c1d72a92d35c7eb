"""The options of remote-write, for the commands that record: the receiver, credentials, labels and rate."""

from __future__ import annotations

from kubevitals import errors
from kubevitals.cli import values

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from kubevitals.surfaces.remotewrite import writer as writers

# flag behind --remote-write-, metavar, help
_FILES = (
    ("token-file", "FILE", "a file with a bearer token for the receiver, read again when it changes"),
    ("user-file", "FILE", "a file with USER:PASSWORD for the receiver"),
    ("ca", "FILE", "the CA that signed its certificate (default: those of the system)"),
    ("client-certificate", "FILE", "a client certificate for the receiver"),
    ("client-key", "FILE", "the private key of that certificate"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    group = parser.add_argument_group("pushing to a database (remote-write)")
    group.add_argument(
        "--remote-write",
        "--remote-write-url",
        dest="remote_write",
        metavar="URL",
        help="send what is recorded to this receiver, such as http://prometheus:9090/api/v1/write",
    )
    for name, metavar, text in _FILES:
        group.add_argument(f"--remote-write-{name}", metavar=metavar, help=text)
    group.add_argument(
        "--remote-write-header",
        action="append",
        metavar="NAME=VALUE",
        help="a further header, such as X-Scope-OrgID=NAME for Mimir; not for secrets (repeatable)",
    )
    group.add_argument(
        "--remote-write-insecure", action="store_true", help="do not check the receiver's certificate"
    )
    group.add_argument(
        "--remote-write-protocol",
        choices=["auto", "1.0", "2.0"],
        default="auto",
        help="the version to send; auto (the default): 2.0 if the receiver knows it, else 1.0",
    )
    group.add_argument(
        "--remote-write-rate",
        type=values.parse_count,
        default=50_000,
        metavar="N",
        help="send at most so many samples a second (default: 50000)",
    )
    group.add_argument(
        "--external-label",
        action="append",
        metavar="NAME=VALUE",
        help="add a label to all samples that are sent (repeatable)",
    )


def check(arguments: argparse.Namespace) -> None:
    """Check that the options go together.

    Raises:
        errors.UsageError: an option of the receiver is given, and no receiver.
    """
    if arguments.remote_write is not None:
        return
    flags = [f"--remote-write-{name}" for name, *_ in _FILES]
    flags += ["--remote-write-header", "--remote-write-insecure", "--external-label"]
    for flag in flags:
        if getattr(arguments, flag[2:].replace("-", "_")):
            raise errors.UsageError(f"{flag} goes with --remote-write", remedy="add --remote-write URL")


def open_writer(arguments: argparse.Namespace, queue: writers.Queue) -> writers.Writer:
    """Return the writer that `--remote-write` asks for, not yet started.

    Raises:
        errors.ConfigurationError: the address, a file or a label cannot be used.
    """
    import hashlib

    from kubevitals.kube.http import urls
    from kubevitals.promql import config
    from kubevitals.surfaces.remotewrite import sender as senders
    from kubevitals.surfaces.remotewrite import writer

    url = arguments.remote_write
    address = urls.split_url(url.partition("?")[0], "--remote-write")
    receiver = config.ServerOptions(
        url.partition("?")[0],
        token_file=arguments.remote_write_token_file,
        user_file=arguments.remote_write_user_file,
        client_certificate=arguments.remote_write_client_certificate,
        client_key=arguments.remote_write_client_key,
        ca=arguments.remote_write_ca,
        insecure=arguments.remote_write_insecure,
        header=arguments.remote_write_header or (),
    )
    client = config.open_client(receiver, option="remote-write", flag="--remote-write", path=address.path)
    if not address.path:
        raise errors.ConfigurationError(
            "--remote-write names a server, not its remote-write endpoint",
            remedy="add the path: /api/v1/write of Prometheus and VictoriaMetrics, /api/v1/push of Mimir, "
            "/api/v1/receive of Thanos",
        )
    if "?" in url:
        raise errors.ConfigurationError(
            "--remote-write takes no query", remedy="give what it says by --external-label or as a header"
        )
    sender = senders.Sender(client, address.path, protocol=arguments.remote_write_protocol)
    # The position belongs to the receiver, and to the tenant: another one begins with what is still there.
    identity = "\n".join([url, *sorted(arguments.remote_write_header or ())])
    return writer.Writer(
        queue,
        sender,
        name=f"remote-write {hashlib.sha256(identity.encode()).hexdigest()[:16]}",
        external=parse_labels(arguments.external_label or ()),
        rate=arguments.remote_write_rate,
    )


def parse_labels(given: Sequence[str]) -> dict[str, str]:
    """Return the labels of NAME=VALUE texts.

    Raises:
        errors.ConfigurationError: one is no label, or has a name that the samples have already.
    """
    import re

    labels = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not value or not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]*", name, re.ASCII):
            raise errors.ConfigurationError(
                f"--external-label {each[:60]!r} is not NAME=VALUE", remedy="write it as region=eu"
            )
        if name in _TAKEN:
            raise errors.ConfigurationError(
                f"--external-label {name}: the samples have a label of that name",
                remedy="choose another name; the cluster's name is that of its context",
            )
        labels[name] = value
    return labels


_TAKEN = frozenset(
    {
        "cluster", "namespace", "pod", "container", "node", "workload", "workload_kind", "uid",
        "phase", "reason", "problem", "condition",
    }
)  # fmt: skip
