"""TLS contexts for one cluster, made from memory. It must not know kubeconfig files, sockets or HTTP.

The context comes from `_ssl`, the C module under the standard library's `ssl`: the wrapper around it costs
ten milliseconds of start-up, a fifth of what kubectl takes for a whole command, and adds nothing used here.
"""

from __future__ import annotations

import _ssl
import os
import sys

from kubevitals import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kubevitals.kube import clientconfig
    from kubevitals.kube.http import authentication

    Context = _ssl._SSLContext  # noqa: SLF001  the class that ssl.SSLContext extends

_TLS_1_2 = 0x0303
_PARTIAL_CHAIN = 0x80000  # any certificate in the CA file is trusted as it stands, as Go does
_CERT_NONE = 0
# Where the distributions keep their CAs, for a Python that was built elsewhere and looks elsewhere.
_SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def open_context(config: clientconfig.ClientConfig, credential: authentication.Credential) -> Context:
    """The context for `config` with the client certificate of `credential`. Nothing is written to disk.

    TLS 1.2 or later, HTTP/1.1 by ALPN. The system's CAs are read only if the connection has none of its own.

    Raises:
        errors.ConfigurationError: the connection's CA is no PEM certificate.
        errors.CredentialsError: the client certificate or its key cannot be used.
    """
    return build_context(
        ca=config.ca,
        insecure=config.insecure,
        certificate=credential.certificate,
        key=credential.key,
        origin=config.origin,
    )


def build_context(
    *,
    ca: bytes | None = None,
    insecure: bool = False,
    certificate: bytes | None = None,
    key: bytes | None = None,
    origin: str = "",
) -> Context:
    """As `open_context`, from the single values. `origin` says in messages where they came from."""
    context = _ssl._SSLContext(_ssl.PROTOCOL_TLS_CLIENT)  # noqa: SLF001  see the module's first lines
    context.minimum_version = _TLS_1_2
    # What ssl.SSLContext's set_alpn_protocols and hostname_checks_common_name call; typeshed has neither.
    context._set_alpn_protocols(b"\x08http/1.1")  # type: ignore[attr-defined]  # noqa: SLF001
    context._host_flags = _ssl.HOSTFLAG_NEVER_CHECK_SUBJECT  # type: ignore[attr-defined]  # noqa: SLF001
    if insecure:
        context.check_hostname = False
        context.verify_mode = _CERT_NONE
    else:
        context.verify_flags |= _PARTIAL_CHAIN
        _load_authorities(context, ca, origin)
    if certificate is not None or key is not None:
        _load_certificate(context, certificate, key, origin)
    return context


def _of(origin: str) -> str:
    return f" of {origin}" if origin else ""


def _load_authorities(context: Context, ca: bytes | None, origin: str) -> None:
    if ca is None:
        _load_system_authorities(context)
        return
    try:
        context.load_verify_locations(cadata=ca.decode("ascii", "ignore"))
    except (_ssl.SSLError, ValueError) as error:
        raise errors.ConfigurationError(
            f"the certificate authority{_of(origin)} is no PEM certificate that can be read",
            remedy="Check certificate-authority or certificate-authority-data: it has to hold "
            "-----BEGIN CERTIFICATE----- blocks.",
        ) from error


def _load_system_authorities(context: Context) -> None:
    if sys.platform == "win32":  # pragma: no cover  the store of Windows is read by the wrapper alone
        import ssl

        for store in ("CA", "ROOT"):
            for data, encoding, trust in ssl.enum_certificates(store):
                if encoding == "x509_asn" and trust is True:
                    context.load_verify_locations(cadata=data)
        return
    context.set_default_verify_paths()
    file_variable, file, folder_variable, folder = _ssl.get_default_verify_paths()
    if file_variable in os.environ or folder_variable in os.environ:
        return
    if os.path.exists(file) or os.path.isdir(folder):  # noqa: PTH110, PTH112  pathlib costs start-up time
        return
    for bundle in _SYSTEM_BUNDLES:
        if os.path.exists(bundle):  # noqa: PTH110
            context.load_verify_locations(bundle)
            return


def _load_certificate(context: Context, certificate: bytes | None, key: bytes | None, origin: str) -> None:
    """Hand PEM to OpenSSL, which reads certificate and key only from paths, without a file on disk."""
    remedy = "Check client-certificate(-data) and client-key(-data) of the user, or renew them."
    if certificate is None or key is None:
        missing = "key" if key is None else "certificate"
        raise errors.CredentialsError(f"the client certificate{_of(origin)} has no {missing}", remedy=remedy)
    if b"ENCRYPTED" in key:
        raise errors.CredentialsError(
            f"the client key{_of(origin)} is encrypted, and a password for it cannot be given",
            remedy="Decrypt it: openssl pkey -in KEY -out PLAIN_KEY",
        )
    for pem, what in ((certificate, "certificate"), (key, "key")):
        if b"-----BEGIN " not in pem:
            raise errors.CredentialsError(f"the client {what}{_of(origin)} is not PEM", remedy=remedy)
    try:
        with _Handed(certificate) as certificate_path, _Handed(key) as key_path:
            # Without the callback OpenSSL would ask the terminal for the password of a key.
            context.load_cert_chain(certificate_path, key_path, lambda: "")
    except _ssl.SSLError as error:
        if getattr(error, "reason", None) in ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"):
            message = f"the client key{_of(origin)} does not belong to the client certificate"
        else:
            message = f"the client certificate or key{_of(origin)} cannot be read by OpenSSL"
        raise errors.CredentialsError(message, remedy=remedy) from error
    except OSError as error:
        raise errors.CredentialsError(
            f"the client certificate{_of(origin)} could not be passed to OpenSSL: {error.strerror}",
            remedy="This needs /dev/fd; is /proc mounted?",
        ) from error


class _Handed:
    """A path under /dev/fd from which `content` can be read once: memory on Linux, a pipe elsewhere."""

    __slots__ = ("_content", "_descriptor")

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._descriptor = -1

    def __enter__(self) -> str:
        if hasattr(os, "memfd_create"):
            self._descriptor = os.memfd_create("pem", os.MFD_CLOEXEC)
            os.write(self._descriptor, self._content)
            return f"/proc/self/fd/{self._descriptor}"
        self._descriptor = self._open_pipe()
        return f"/dev/fd/{self._descriptor}"

    def _open_pipe(self) -> int:
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        try:
            written = os.write(writing, self._content)
        finally:
            os.close(writing)
        if written != len(self._content):
            os.close(reading)
            raise OSError(0, "it is larger than a pipe")
        return reading

    def __exit__(self, *_: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
