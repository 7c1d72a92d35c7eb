"""Certificates of the simulated cluster: its authorities, its servers' and its users'.

Keys are in memory only, unless the caller writes them to a file. Making them takes the package cryptography.
"""

from __future__ import annotations

import datetime
import importlib.util
import ipaddress
from typing import TYPE_CHECKING, NamedTuple

from simcluster import errors

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

_DAY = datetime.timedelta(days=1)


def can_be_made() -> bool:
    """Return whether the package that makes certificates is installed; it is not imported."""
    return importlib.util.find_spec("cryptography") is not None


def require(what: str) -> None:
    """Raise CertificatesError, which says what needs certificates, if none can be made."""
    if not can_be_made():
        raise errors.CertificatesError(
            f"{what} needs certificates, and the package cryptography, which makes them, is not installed",
            remedy="install the extra `simulate`: pip install 'kubevitals[simulate]'",
        )


class Pair(NamedTuple):
    """A certificate and its private key, both as PEM."""

    certificate: bytes
    key: bytes


class Authority:
    """A new certificate authority. `pem` is the certificate that clients are to trust."""

    def __init__(self, name: str, *, now: float) -> None:
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        self._now = datetime.datetime.fromtimestamp(int(now), datetime.UTC)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        builder = _builder(self._name, self._name, self._key.public_key())
        builder = builder.not_valid_before(self._now - _DAY).not_valid_after(self._now + 365 * _DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(authority=True), critical=True)
        self._identifier = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        builder = builder.add_extension(self._identifier, critical=False)
        self._certificate = _sign(builder, self._key)
        self.pem = self._certificate.public_bytes(serialization.Encoding.PEM)

    def issue_server(
        self, hosts: Sequence[str], *, expired: bool = False, name: str = "kube-apiserver"
    ) -> Pair:
        """A server certificate for names and addresses; `expired` makes it end a day ago."""
        from cryptography import x509
        from cryptography.x509.oid import ExtendedKeyUsageOID

        names: list[x509.GeneralName] = []
        for host in hosts:
            try:
                names.append(x509.IPAddress(ipaddress.ip_address(host)))
            except ValueError:
                names.append(x509.DNSName(host))
        end = self._now - _DAY if expired else self._now + 365 * _DAY
        return self._issue(
            _name(name),
            end=end,
            purpose=ExtendedKeyUsageOID.SERVER_AUTH,
            names=x509.SubjectAlternativeName(names),
        )

    def issue_client(self, user: str, groups: Sequence[str]) -> Pair:
        """A client certificate: the user as common name, the groups as organisations."""
        from cryptography.x509.oid import ExtendedKeyUsageOID

        return self._issue(
            _name(user, groups), end=self._now + 365 * _DAY, purpose=ExtendedKeyUsageOID.CLIENT_AUTH
        )

    def _issue(
        self,
        subject: x509.Name,
        *,
        end: datetime.datetime,
        purpose: x509.ObjectIdentifier,
        names: x509.SubjectAlternativeName | None = None,
    ) -> Pair:
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(subject, self._name, key.public_key())
        builder = builder.not_valid_before(min(self._now, end) - _DAY).not_valid_after(end)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(authority=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        above = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(self._identifier)
        builder = builder.add_extension(above, critical=False)
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        return Pair(
            _sign(builder, self._key).public_bytes(serialization.Encoding.PEM),
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )


def open_server_context(pair: Pair, *, clients: bytes) -> ssl.SSLContext:
    """A server's TLS 1.2 and 1.3 context. It asks for client certificates of `clients` and requires none."""
    import ssl
    import tempfile
    from pathlib import Path

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=clients.decode())
    with tempfile.TemporaryDirectory(prefix="simcluster-") as folder:  # mode 0700, gone in a moment
        path = Path(folder) / "server.pem"
        path.write_bytes(pair.certificate + pair.key)
        context.load_cert_chain(path)
    return context


def _name(common: str, organisations: Sequence[str] = ()) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, each) for each in organisations]
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    from cryptography import x509

    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    return builder.serial_number(x509.random_serial_number())


def _usage(*, authority: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _sign(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    from cryptography.hazmat.primitives import hashes

    return builder.sign(key, hashes.SHA256())
