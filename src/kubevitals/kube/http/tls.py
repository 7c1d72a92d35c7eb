"""TLS contexts made from memory: authorities, client certificates, what is checked."""

from __future__ import annotations

import os
import sys

from kubevitals import cpython, errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from typing import NamedTuple

    Context = ssl.SSLContext
else:
    from kubevitals.namedtuple import NamedTuple

_PARTIAL_CHAIN = 0x80000  # any certificate in the CA file is trusted as it stands, as Go does
_CERT_NONE = 0
_BEGIN = b"-----BEGIN CERTIFICATE-----"
_FEW = 16  # authorities that are tried one by one
# Where the distributions keep their CAs, for a Python that was built elsewhere and looks elsewhere.
_SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


class Settings(NamedTuple):
    """What is trusted and shown over TLS; `repr` shows no secret.

    `ca` is PEM; None means the system's CAs. `insecure` takes any certificate. `certificate` and `key` are
    the client's, as PEM. `server_name` is the name to expect, if it is not the host's. `origin` says in
    messages where these came from.
    """

    ca: bytes | None = None
    insecure: bool = False
    certificate: bytes | None = None
    key: bytes | None = None
    server_name: str | None = None
    origin: str = ""

    def __repr__(self) -> str:
        return f"<TLS settings certificate={self.certificate is not None} origin={self.origin!r}>"


def build_context(settings: Settings) -> Context:
    """Return the context for the settings: TLS 1.2 or later, HTTP/1.1 by ALPN. No file is written.

    Raises:
        errors.ConfigurationError: the CA is no PEM certificate.
        errors.CredentialsError: the client certificate or its key cannot be used.
    """
    context = cpython.tls().new_context()
    if settings.insecure:
        context.check_hostname = False
        context.verify_mode = _CERT_NONE  # type: ignore[assignment]  # a number will do
    else:
        context.verify_flags |= _PARTIAL_CHAIN
        _load_authorities(context, settings.ca, settings.origin)
    if settings.certificate is not None or settings.key is not None:
        _load_certificate(context, settings.certificate, settings.key, settings.origin)
    return context


def split_authorities(settings: Settings) -> list[Settings]:
    """Return the settings once for each authority in `ca`; none where there is a single one, or very many.

    Of several with one subject, as while an authority is renewed, OpenSSL tries only the first; Go tries all.
    """
    blocks = (settings.ca or b"").split(_BEGIN)[1:]
    return [settings._replace(ca=_BEGIN + block) for block in blocks] if 1 < len(blocks) <= _FEW else []


def _of(origin: str) -> str:
    return f" of {origin}" if origin else ""


def _load_authorities(context: Context, ca: bytes | None, origin: str) -> None:
    if ca is None:
        _load_system_authorities(context)
        return
    try:
        context.load_verify_locations(cadata=ca.decode("ascii", "ignore"))
    except (cpython.tls().errors.SSLError, ValueError) as error:
        raise errors.ConfigurationError(
            f"the certificate authority{_of(origin)} is no PEM certificate that can be read",
            remedy="It has to hold -----BEGIN CERTIFICATE----- blocks.",
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
    file_variable, file, folder_variable, folder = cpython.tls().find_default_authorities()
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
    remedy = "Check the client certificate and its key, or renew them."
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
        with _MemoryFile(certificate) as certificate_path, _MemoryFile(key) as key_path:
            # Without the callback OpenSSL would ask the terminal for the password of a key.
            context.load_cert_chain(certificate_path, key_path, lambda: "")
    except cpython.tls().errors.SSLError as error:
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


class _MemoryFile:
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
