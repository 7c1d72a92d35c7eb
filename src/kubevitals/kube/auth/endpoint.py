"""One cluster entry and one user entry made into a `ClientConfig`: address, CA, impersonation, warnings."""

from __future__ import annotations

from kubevitals import errors, sanitize
from kubevitals.kube import clientconfig
from kubevitals.kube.auth import credentials, kubeconfig_file
from kubevitals.kube.http import authentication

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

_EXEC_EXTENSION = "client.authentication.k8s.io/exec"
_HEADER_CHARACTERS = frozenset("!#$&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")  # of RFC 9110, less "%"


def open_endpoint(
    cluster: kubeconfig_file.Entry,
    user: kubeconfig_file.Entry,
    *,
    context: str,
    namespace: str,
    origin: str,
    environ: Mapping[str, str],
    clock: Callable[[], float],
    recheck: float,
    interactive: bool,
    warnings: tuple[str, ...] = (),
) -> clientconfig.ClientConfig:
    """Return the configuration that a cluster and a user entry make.

    Raises:
        errors.ConfigurationError: a field is missing, contradicts another or cannot be read.
    """
    server = parse_server(cluster)
    secure = server.startswith("https://")
    insecure, ca = cluster.flag("insecure-skip-tls-verify"), read_ca(cluster, check=secure)
    if insecure and ca is not None and secure:
        raise errors.ConfigurationError(
            f"{cluster.where} has a certificate authority and insecure-skip-tls-verify",
            remedy="Take insecure-skip-tls-verify away; checking against the authority is safe.",
        )
    if insecure and secure:
        warnings += (
            f"The server's certificate is not checked: insecure-skip-tls-verify of {cluster.where}.",
        )
    opened = credentials.open_credentials(
        user,
        _cluster_info(cluster, server, ca, insecure=insecure),
        environ=environ,
        clock=clock,
        recheck=recheck,
        interactive=interactive,
        secure=secure,
    )
    if not secure and opened.kind != "anonymous":
        opened = authentication.Credentials()
        warnings += (f"The credentials of {user.where} are not sent, because {cluster.where} is not https.",)
    return clientconfig.ClientConfig(
        server,
        opened,
        context=context or server.partition("://")[2].partition("/")[0],
        namespace=namespace or "default",
        ca=ca,
        insecure=insecure,
        tls_server_name=cluster.text("tls-server-name") or None,
        proxy_url=cluster.text("proxy-url") or None,
        compression=not cluster.flag("disable-compression"),
        impersonation=parse_impersonation(user),
        origin=origin,
        warnings=warnings,
    )


def parse_server(cluster: kubeconfig_file.Entry) -> str:
    """Return the address of the server, checked; without a scheme it is http, as in kubectl.

    No message quotes it: an address may hold a password.
    """
    server = cluster.text("server").strip()
    if not server:
        raise cluster.wrong("server", "is missing", remedy="Add the server's address, https://host:port.")
    scheme, found, rest = server.partition("://")
    if not found:
        scheme, rest = "http", server
        if "/" in rest.rstrip("/"):
            raise cluster.wrong("server", "has a path but no scheme", remedy="Write https://host:port/path.")
    scheme = scheme.lower()
    if scheme not in {"https", "http"}:
        known = sanitize.excerpt(scheme)
        raise cluster.wrong("server", f'has the scheme "{known}"', remedy="Write https://host:port.")
    rest = rest.partition("#")[0].partition("?")[0].rstrip("/")
    authority = rest.partition("/")[0]
    if "@" in authority:
        raise cluster.wrong(
            "server", "holds a user name", remedy="Put it into username and password of the user."
        )
    if not _is_authority(authority) or not rest.isprintable() or set(' "<>\\^`{|}') & set(rest):
        raise cluster.wrong("server", "is no address", remedy="Write https://host:port.")
    return f"{scheme}://{rest}"


def _is_authority(text: str) -> bool:
    """Return whether it is host, host:port, [v6] or [v6]:port."""
    if text.startswith("["):
        host, end, tail = text[1:].partition("]")
        if not end or ":" not in host or not set(host.partition("%")[0]) <= set("0123456789abcdefABCDEF:."):
            return False
        if tail and not tail.startswith(":"):
            return False
        port = tail[1:]
    else:
        host, _, port = text.partition(":")
    return bool(host) and (not port or (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65_536))


def read_ca(cluster: kubeconfig_file.Entry, *, check: bool = True) -> bytes | None:
    """Return the cluster's CA as PEM, written down or in a file; `check` that it is PEM."""
    field, pem = "certificate-authority-data", cluster.data("certificate-authority-data")
    path = cluster.file("certificate-authority")
    if pem is not None and path:
        raise cluster.twice("certificate-authority")
    if path:
        field = "certificate-authority"
        try:
            with open(path, "rb") as file:  # noqa: PTH123 - pathlib costs 8 ms
                pem = file.read(16 << 20)
        except OSError as error:
            raise cluster.wrong(
                field,
                f"cannot be read from {sanitize.excerpt(path)}: {error.strerror}",
                remedy="Check that the file exists and that you may read it.",
            ) from error
    if check and pem is not None and b"-----BEGIN CERTIFICATE-----" not in pem:
        raise cluster.wrong(
            field, "holds no PEM certificate", remedy="Fetch the cluster's kubeconfig or its CA anew."
        )
    return pem


def _cluster_info(
    cluster: kubeconfig_file.Entry, server: str, ca: bytes | None, *, insecure: bool
) -> dict[str, Any]:
    """Return spec.cluster of an ExecCredential, for a plugin with provideClusterInfo."""
    info: dict[str, Any] = {"server": server}
    if name := cluster.text("tls-server-name"):
        info["tls-server-name"] = name
    if insecure:
        info["insecure-skip-tls-verify"] = True
    if ca:
        import binascii

        info["certificate-authority-data"] = binascii.b2a_base64(ca, newline=False).decode()
    if proxy := cluster.text("proxy-url"):
        info["proxy-url"] = proxy
    if cluster.flag("disable-compression"):
        info["disable-compression"] = True
    info["config"] = None
    for item in cluster.items("extensions"):
        if item.get("name") == _EXEC_EXTENSION:
            info["config"] = item.get("extension")
    return info


def parse_impersonation(user: kubeconfig_file.Entry) -> tuple[tuple[str, str], ...]:
    """Return the headers for as, as-uid, as-groups and as-user-extra; to be sent as UTF-8."""
    name, uid, groups = user.text("as"), user.text("as-uid"), user.texts("as-groups")
    extra = kubeconfig_file.Entry(user.kind, user.name, body=user.mapping("as-user-extra"), path=user.path)
    if not name:
        if uid or groups or extra.body:
            raise user.wrong(
                "as",
                "is missing beside as-uid, as-groups or as-user-extra",
                remedy="Say whom to impersonate.",
            )
        return ()
    pairs = [("Impersonate-User", name)]
    if uid:
        pairs.append(("Impersonate-Uid", uid))
    pairs += [("Impersonate-Group", group) for group in groups]
    for key in extra.body:
        header = "Impersonate-Extra-" + escape_header_key(str(key))
        pairs += [(header, value) for value in extra.texts(key)]
    if not all(value.isprintable() for _, value in pairs):
        raise user.wrong("as", "or what is beside it holds characters that cannot be sent")
    return tuple(pairs)


def escape_header_key(key: str) -> str:
    """Return a key of as-user-extra in a header's name: lower case, percent-encoded where it must be."""
    return "".join(
        chr(byte) if chr(byte) in _HEADER_CHARACTERS else f"%{byte:02X}" for byte in key.lower().encode()
    )
