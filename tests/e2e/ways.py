"""Kubeconfigs to enter a cluster with, and the one question: do kubectl and kubevitals both get in, as whom?

The entries of kubeconfigs are tables of data in the tests. Their texts hold words in braces, `{token}`,
`{certificate}`, that a `Ground` fills in: it owns the accounts, the certificates and the files.
"""

from __future__ import annotations

import base64
import concurrent.futures
import contextlib
import datetime
import itertools
import json
import subprocess
from typing import TYPE_CHECKING, Any, Self

import pytest
import yaml
from tests.e2e import certificates, product

from kubevitals.kube import client as kube_client
from kubevitals.kube.auth import kubeconfig

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from tests.e2e import controlplane

Case = tuple[str, dict[str, Any], bool]  # its name, what stands in the kubeconfig, whether one gets in
TOKEN = {"token": "{visitor}"}
CERTIFICATE = {"client-certificate": "{ann}", "client-key": "{ann_key}"}
INLINE = {"client-certificate-data": "{ann_data}", "client-key-data": "{ann_key_data}"}
ADMIN = {"client-certificate": "{admin}", "client-key": "{admin_key}"}
CA = "certificate-authority"
INSECURE = {CA: None, "insecure-skip-tls-verify": True}
DAY = datetime.timedelta(days=1)
REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
READ_NODES = [
    {"apiGroups": ["", "metrics.k8s.io"], "resources": ["nodes"], "verbs": ["get", "list"]},
]


class Ground:
    """A cluster that the user `ann` and the service accounts `visitor` and `second` may read nodes of."""

    def __init__(self, cluster: controlplane.ControlPlane, directory: Path) -> None:
        self.cluster = cluster
        self.directory = directory
        self.words: dict[str, str] = {
            "port": str(cluster.port),
            "directory": str(directory),
            "ca": str(cluster.authority_file),
            "ca_data": _encode(cluster.authority.pem),
            "admin": str(cluster.directory / "admin.crt"),
            "admin_key": str(cluster.directory / "admin.key"),
            "administrator": str(cluster.kubeconfig),
        }
        self._issue()
        for name in ("visitor", "second"):
            self.words[name] = cluster.accounts.create_service_account(f"way-{name}")
            self.write(f"{name}.token", self.words[name] + "\n")
        cluster.accounts.grant(
            "way-in", rules=READ_NODES, to=("way-ann", "default:way-visitor", "default:way-second")
        )

        self.write("empty", "")
        self.write("nonsense", "this is no certificate, no key and no token that anybody knows\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the rights back."""
        self.cluster.accounts.revoke("way-in")

    def _issue(self) -> None:
        now = datetime.datetime.now(datetime.UTC)
        ours, foreign = self.cluster.authority, certificates.Authority("kubevitals-e2e-foreign")
        pairs = {
            "ann": ours.issue("way-ann", groups=("visitors",)),
            "expired": ours.issue("way-ann", not_before=now - 2 * DAY, not_after=now - DAY / 24),
            "future": ours.issue("way-ann", not_before=now + DAY),
            "foreign": foreign.issue("way-ann"),
        }
        for name, pair in pairs.items():
            certificate, key = pair.write(self.directory, name)
            self.words |= {name: str(certificate), f"{name}_key": str(key)}
            self.words |= {f"{name}_data": _encode(pair.certificate), f"{name}_key_data": _encode(pair.key)}
        self.words["foreign_ca"] = self.write("foreign-ca.crt", foreign.pem)
        self.words["foreign_ca_data"] = _encode(foreign.pem)
        self.words["both_cas"] = self.write("both-cas.crt", foreign.pem + self.cluster.authority.pem)

    def write(self, name: str, content: str | bytes, *, mode: int = 0o600) -> str:
        """A file of this ground, replaced as a careful program does; its path."""
        path = self.directory / name
        path.parent.mkdir(exist_ok=True)
        fresh = path.with_name(f".{path.name}.new")
        fresh.touch(mode=mode)
        fresh.write_bytes(content.encode() if isinstance(content, str) else content)
        fresh.replace(path)
        return str(path)

    def fill(self, thing: Any) -> Any:
        """The same with the words in braces filled in."""
        if isinstance(thing, str):
            return thing.format_map(self.words) if "{" in thing else thing
        if isinstance(thing, dict):
            return {key: self.fill(value) for key, value in thing.items()}
        return [self.fill(each) for each in thing] if isinstance(thing, list) else thing

    def kubeconfig(
        self, user: Mapping[str, Any], server: Mapping[str, Any] | None = None, *, name: str = "way"
    ) -> Path:
        """A kubeconfig with this user entry, and these keys in the cluster entry."""
        return self.cluster.accounts.write_kubeconfig(
            name,
            user=self.fill(dict(user)),
            server=self.fill(dict(server or {})),
            path=self.directory / f"{name}.kubeconfig",
        )

    def document(self, name: str, content: Mapping[str, Any]) -> str:
        """A file with this YAML document, its words filled in; its path."""
        return self.write(name, yaml.safe_dump(self.fill(dict(content))))

    def environ(self, files: Path | str | None, **more: str) -> dict[str, str]:
        """An environment that leads to these kubeconfigs."""
        return product.environ(home=self.directory, kubeconfig=files, **more)

    def compare(
        self, environ: Mapping[str, str], *flags: str, enters: bool, through: Sequence[str] = ()
    ) -> tuple[product.Ended, product.Ended]:
        """Let both read the nodes, and insist that both get in or both fail, as expected.

        Returns what kubectl and kubevitals have said. A failure must be told in words and with something
        to do, and may not show a secret.
        """
        words = ("top", "nodes", "--no-headers", *flags)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:  # both at once: there are hundreds of cases
            theirs = pool.submit(product.kubectl, *words, environ=environ, through=through)
            ours = product.kubevitals(*words, "--usage", environ=environ, through=through)
            oracle = theirs.result()
        said = f"kubectl: {oracle.returncode} {oracle.stderr}\nkubevitals: {ours.returncode} {ours.stderr}"
        assert (oracle.returncode == 0, ours.returncode == 0) == (enters, enters), said
        if enters:
            names = [[line.split()[0] for line in each.stdout.splitlines()] for each in (oracle, ours)]
            assert len(names[0]) >= 50
            assert names[0] == names[1]
        else:
            assert (ours.returncode, ours.stdout) == (1, ""), said
            told = [line for line in ours.stderr.splitlines() if not line.startswith("warning: ")]
            assert told[0].startswith("error: "), said
            assert "Traceback" not in ours.stderr, said
            assert "  try: " in ours.stderr, said
        for secret in self.secrets():
            assert secret not in ours.stderr, "a secret on stderr"
        return oracle, ours

    @contextlib.contextmanager
    def watch(self, environ: Mapping[str, str]) -> Iterator[Watched]:
        """`kubevitals top nodes -w` as a running process."""
        command = [*product.PROGRAM, "top", "nodes", "--usage", "-w", "--interval=250ms"]
        with subprocess.Popen(
            command, env=dict(environ), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            try:
                yield Watched(process)
            finally:
                process.kill()

    def secrets(self) -> Sequence[str]:
        """What may never be shown."""
        return [value for name, value in self.words.items() if name in ("visitor", "second")]

    def who(
        self, environ: Mapping[str, str], *flags: str, same_token: bool = True, **options: Any
    ) -> dict[str, Any]:
        """The user that the API server sees in kubectl with these flags, and in us with these options.

        The two are the same, or this raises. Tokens of their own are told by their number, if at all.
        """
        oracle = product.kubectl("auth", "whoami", "-o", "json", *flags, environ=environ)
        assert oracle.returncode == 0, oracle.stderr
        seen: dict[str, Any] = json.loads(oracle.stdout)["status"]["userInfo"]
        ours = who(environ, **options)
        if not same_token:
            for user in (seen, ours):
                user.get("extra", {}).pop("authentication.kubernetes.io/credential-id", None)
        assert ours == seen
        return seen


class Watched:
    """A process whose output is read as it comes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def read_until(self, words: str) -> None:
        """Return at the next line with these words.

        Raises:
            AssertionError: the process ended, or wrote thousands of other lines.
        """
        assert self._process.stdout is not None
        seen = []
        for line in itertools.islice(self._process.stdout, 5_000):
            seen.append(line)
            if words in line:
                return
        raise AssertionError(f"{words!r} was not written: {''.join(seen[-5:])}")


def who(environ: Mapping[str, str], **options: Any) -> dict[str, Any]:
    """The user that the API server sees in a request of ours."""
    connection = kubeconfig.open_config(kubeconfig.Options(**options), environ=environ, interactive=False)
    with kube_client.Client(connection, environ=environ) as client:
        return ask(client)


def ask(client: kube_client.Client) -> dict[str, Any]:
    """The user that the API server sees in this client's next request."""
    answer = client.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", json.dumps(REVIEW).encode())
    found: dict[str, Any] = json.loads(answer)["status"]["userInfo"]
    return found


def cases(table: Sequence[Case]) -> list[Any]:
    """The rows of a table as parameters of a test."""
    return [pytest.param(entry, enters, id=name.replace(" ", "-")) for name, entry, enters in table]


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode()
