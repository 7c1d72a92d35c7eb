"""The service's certificate: real handshakes, and new files while it runs."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING

import pytest

from kubevitals import errors
from kubevitals.surfaces.web import certs
from simcluster.http import certificates

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator


class Files:
    """A certificate and its key on disk, made anew on demand."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.certificate, self.key = folder / "tls.crt", folder / "tls.key"
        self.renew()

    def renew(self) -> bytes:
        """Write another pair of another authority; returns that one's certificate."""
        authority = certificates.Authority("test", now=time.time())
        pair = authority.issue_server(("localhost", "127.0.0.1"))
        self.certificate.write_bytes(pair.certificate)
        self.key.write_bytes(pair.key)
        return authority.pem


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def files(tmp_path: pathlib.Path) -> Files:
    return Files(tmp_path)


@contextlib.contextmanager
def serving(context: ssl.SSLContext) -> Iterator[int]:
    """A server that shakes hands with whoever comes, and says hello; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def run() -> None:
            while True:
                try:
                    plain, _ = listening.accept()
                except OSError:
                    return
                with contextlib.suppress(OSError), plain, context.wrap_socket(plain, server_side=True) as tls:
                    tls.sendall(b"hello")
                    tls.recv(1)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def greet(port: int, authority: bytes, *, name: str | None = "localhost") -> str:
    """What a client that trusts `authority` hears: hello, or why not."""
    context = ssl.create_default_context(cadata=authority.decode())
    context.check_hostname = name is not None
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname=name) as tls,
        ):
            return tls.recv(5).decode()
    except ssl.SSLCertVerificationError as error:
        return error.verify_message


@pytest.mark.parametrize("name", ["localhost", None])
def test_new_files_are_used(files: Files, caplog: pytest.LogCaptureFixture, name: str | None) -> None:
    """Without restart, later handshakes see the new pair, whether the client names the host or not."""
    clock = Clock()
    old = files.renew()
    with (
        caplog.at_level("INFO"),
        serving(certs.Certificate(files.certificate, files.key, clock=clock).context) as port,
    ):
        assert greet(port, old, name=name) == "hello"
        new = files.renew()
        assert greet(port, old, name=name) == "hello"
        clock.now += 5
        assert greet(port, new, name=name) == "hello"
        assert "certificate" in greet(port, old, name=name)
    assert [each.event for each in caplog.records] == ["certificate_reloaded"]  # type: ignore[attr-defined]


def test_half_a_change_waits(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    """While only one of the two files is new the old pair goes on, and the new one comes once it is whole."""
    clock = Clock()
    old = files.renew()
    key = files.key.read_bytes()
    with serving(certs.Certificate(files.certificate, files.key, clock=clock).context) as port:
        new = files.renew()
        whole = files.key.read_bytes()
        files.key.write_bytes(key)
        for _ in range(2):
            clock.now += 5
            assert greet(port, old) == "hello"
        assert "the old one goes on" in caplog.text
        files.key.unlink()
        clock.now += 5
        assert greet(port, old) == "hello"
        files.key.write_bytes(whole)
        clock.now += 5
        assert greet(port, new) == "hello"
    assert "PRIVATE KEY" not in caplog.text


def test_old_protocols_are_refused(files: Files) -> None:
    """Nothing before TLS 1.2 is spoken."""
    context = certs.Certificate(files.certificate, files.key).context
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("broken", ["certificate", "key"])
def test_bad_files_stop_the_start(files: Files, broken: str) -> None:
    """A file that is missing or holds something else is said at the start, without its content."""
    path: pathlib.Path = getattr(files, broken)
    path.write_text("secret nonsense")
    with pytest.raises(errors.ConfigurationError, match="no certificate with its key") as caught:
        certs.Certificate(files.certificate, files.key)
    assert "nonsense" not in str(caught.value)
    path.unlink()
    with pytest.raises(errors.ConfigurationError, match="cannot be read"):
        certs.Certificate(files.certificate, files.key)


def test_an_encrypted_key_is_no_question(files: Files) -> None:
    """A key behind a password is refused; nobody is asked for it on the terminal."""
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(errors.ConfigurationError, match="no certificate with its key"):
        certs.Certificate(files.certificate, files.key)
