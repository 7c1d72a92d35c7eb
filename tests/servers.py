"""Small servers that answer exactly as they are told, on loopback, in plain TCP or TLS."""

from __future__ import annotations

import datetime
import functools
import ipaddress
import json
import pathlib
import select
import socket
import ssl
import struct
import tempfile
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

if TYPE_CHECKING:
    from collections.abc import Sequence

# A step of an answer: bytes are sent, a number is slept, "close" and "reset" end the connection that way,
# "wait" waits until the client ends it, and a function is called with the connection.
Answer = bytes | list[Any]


class Request(NamedTuple):
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return values[0] if values else None


def answer(
    status: int = 200,
    body: bytes | str | dict[str, Any] = b"",
    *,
    headers: Sequence[str] = (),
    kind: str = "application/json",
) -> bytes:
    """A whole answer with its length; a dict is sent as JSON."""
    if isinstance(body, dict):
        body = json.dumps(body)
    content = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} Words", f"Content-Type: {kind}", f"Content-Length: {len(content)}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + content


def chunked(*chunks: bytes, headers: Sequence[str] = (), end: bytes = b"0\r\n\r\n") -> bytes:
    """A whole answer in chunks."""
    lines = ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "Content-Type: application/json", *headers]
    parts = [b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + b"".join(parts) + end


def status_object(code: int, reason: str, message: str, **more: Any) -> dict[str, Any]:
    """A Kubernetes Status, as the API server sends with every refusal."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
        **more,
    }


class Server:
    """Gives `answers` one after the other, a request each, the last one again and again.

    `greeting` is sent before anything is read; `requests` holds what came, `connections` how often.
    """

    def __init__(
        self,
        *answers: Answer,
        tls: ssl.SSLContext | None = None,
        greeting: bytes = b"",
        host: str = "127.0.0.1",
    ) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.tls_errors: list[str] = []
        self.server_names: list[str | None] = []
        self._answers = list(answers)
        self._tls = tls
        self._greeting = greeting
        self._listener = socket.create_server(
            (host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
        self.port = int(self._listener.getsockname()[1])
        self._host = f"[{host}]" if ":" in host else host
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._stopped = False
        if tls is not None:
            tls.sni_callback = lambda _socket, name, _context: self.server_names.append(name)

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self._host}:{self.port}"

    def __enter__(self) -> Self:
        thread = threading.Thread(target=self._accept, daemon=True)
        self._threads.append(thread)
        thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped = True
        with self._lock:
            for connection in self._open:
                shut(connection)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def _accept(self) -> None:
        while not self._stopped:
            ready, _, _ = select.select([self._listener], [], [], 0.02)
            if not ready:
                continue
            connection, _ = self._listener.accept()
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, raw: socket.socket) -> None:
        connection = raw
        connection.settimeout(10)
        with self._lock:
            self._open.add(raw)
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(raw, server_side=True)
                with self._lock:
                    self._open.discard(raw)
                    self._open.add(connection)
            if self._greeting:
                connection.sendall(self._greeting)
            while self._answer(connection):
                pass
        except ssl.SSLError as error:
            self.tls_errors.append(str(error.reason))
        except OSError:
            pass
        finally:
            with self._lock:
                self._open.discard(connection)
                self._open.discard(raw)
            connection.close()
            raw.close()

    def _answer(self, connection: socket.socket) -> bool:
        request = read_request(connection)
        if request is None:
            return False
        with self._lock:
            self.requests.append(request)
            reply = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return all(self._step(connection, step) for step in (reply if isinstance(reply, list) else [reply]))

    def _step(self, connection: socket.socket, step: Any) -> bool:
        if isinstance(step, bytes):
            connection.sendall(step)
        elif isinstance(step, float):
            until = time.monotonic() + step
            while not self._stopped and time.monotonic() < until:
                time.sleep(0.01)
        elif step == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        elif step == "close":
            return False
        elif step == "wait":
            connection.recv(1)
            return False
        else:
            step(connection)
        return True


def shut(connection: socket.socket) -> None:
    try:
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
    except OSError:
        return


def read_request(connection: socket.socket) -> Request | None:
    """One request with its body; None at the end of the connection."""
    raw = b""
    while b"\r\n\r\n" not in raw:
        more = connection.recv(65536)
        if not more:
            return None
        raw += more
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, target, _ = first.split(" ")
    headers = [(line.partition(":")[0], line.partition(":")[2].strip()) for line in lines]
    request = Request(method, target, headers, b"")
    length = int(request.header("content-length") or 0)
    while len(body) < length:
        body += connection.recv(65536)
    return request._replace(body=body)


class Tunnel:
    """A forward proxy: CONNECT, and plain requests by absolute address. `lines` holds what it saw."""

    def __init__(self, *, authorization: str | None = None, refusal: bytes | None = None) -> None:
        self.lines: list[str] = []
        self.authorizations: list[str | None] = []
        self._authorization = authorization
        self._refusal = refusal
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._threads: list[threading.Thread] = []
        self._stopped = False

    def __enter__(self) -> Self:
        thread = threading.Thread(target=self._accept, daemon=True)
        self._threads.append(thread)
        thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped = True
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def _accept(self) -> None:
        while not self._stopped:
            if select.select([self._listener], [], [], 0.02)[0]:
                connection, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            request = read_request(connection)
            if request is None:
                return
            self.lines.append(f"{request.method} {request.target}")
            self.authorizations.append(request.header("proxy-authorization"))
            if self._refusal is not None:
                connection.sendall(self._refusal)
                return
            if self._authorization and request.header("proxy-authorization") != self._authorization:
                connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                return
            if request.method != "CONNECT":
                connection.sendall(answer(200, b'{"by": "proxy"}'))
                return
            host, _, port = request.target.rpartition(":")
            with socket.create_connection((host.strip("[]"), int(port))) as onward:
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                self._pump(connection, onward)

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        while not self._stopped:
            for source in select.select([one, other], [], [], 0.05)[0]:
                data = source.recv(65536)
                if not data:
                    return
                (other if source is one else one).sendall(data)


class Certificate(NamedTuple):
    """PEM of a certificate and of its key."""

    certificate: bytes
    key: bytes


class Authority:
    """A certificate authority in memory."""

    def __init__(self, name: str = "test CA") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=400))
            .not_valid_after(now + datetime.timedelta(days=400))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.pem = certificate.public_bytes(serialization.Encoding.PEM)

    def issue(
        self,
        *names: str,
        days: tuple[float, float] = (-1, 30),
        user: str = "",
        common_name: str = "",
        extensions: Sequence[x509.ExtensionType] = (),
        bits: int = 0,
    ) -> Certificate:
        """A certificate for DNS names and IP addresses, or for the client `user`; with `bits` one of RSA."""
        key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = ec.generate_private_key(ec.SECP256R1())
        if bits:
            key = rsa.generate_private_key(65537, bits)
        now = datetime.datetime.now(datetime.UTC)
        subject = common_name or user or (names[0] if names else "nobody")
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)]))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + datetime.timedelta(days=days[0]))
            .not_valid_after(now + datetime.timedelta(days=days[1]))
        )
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
            )
        for each in extensions:
            builder = builder.add_extension(each, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return Certificate(
            certificate.public_bytes(serialization.Encoding.PEM),
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@functools.cache
def authority() -> Authority:
    """The authority that the test servers share."""
    return Authority()


def server_context(
    certificate: Certificate | None = None,
    *,
    clients: bytes | None = None,
    newest: ssl.TLSVersion | None = None,
) -> ssl.SSLContext:
    """A server's TLS for 127.0.0.1; `clients` is the CA whose client certificates it demands."""
    certificate = certificate or authority().issue("127.0.0.1", "localhost", "::1", "cluster.test")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # short keys are for the client to refuse
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "pem"
        path.write_bytes(certificate.certificate + certificate.key)
        context.load_cert_chain(path)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=clients.decode())
    if newest is not None:
        context.maximum_version = newest
    return context
