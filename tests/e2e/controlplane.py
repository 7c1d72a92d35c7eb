"""A real control plane on loopback: etcd, kube-apiserver, kwok, metrics-server, and controllers when asked.

    with ControlPlane() as cluster:
        cluster.add_nodes(3)
        cluster.add_pods(10)
        cluster.metrics_server.install()
        cluster.metrics_server.wait_until_full(nodes=3, pods=10)
        cluster.kubectl("top", "nodes")

It lives in a directory in memory and on free ports, several may run at once, and nothing of it is left when
it stops or its process dies. Must not import kubevitals: it is the ground that kubevitals is measured on.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
from typing import TYPE_CHECKING, Any, Self

from tests.e2e import accounts, apiclient, certificates, metricsserver, population, processes, toolchain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

TOOLS = ("etcd", "kube-apiserver", "kwok", "metrics-server")
CONTROLLER_TOOLS = ("kube-controller-manager", "kube-scheduler")
SERVICE_ADDRESS = "10.96.0.1"
SERVER_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")


class ControlPlane:
    """One cluster. Attributes: `api` (a client as administrator), `kubeconfig` (the administrator's file)."""

    api: apiclient.Client
    kubeconfig: Path
    accounts: accounts.Accounts
    metrics_server: metricsserver.MetricsServer

    def __init__(
        self,
        *,
        controllers: bool = False,
        api_server_flags: Sequence[str] = (),
        front_proxy_days: float = 400,
    ) -> None:
        """Nothing runs yet.

        Args:
            controllers: also run kube-controller-manager and kube-scheduler, so that Deployments become pods.
            api_server_flags: added to the API server's flags; a later flag wins over an earlier one.
            front_proxy_days: for which the authority of the front proxy is valid.
        """
        self._front_proxy_days = front_proxy_days
        self._tools = toolchain.require(*TOOLS, *(CONTROLLER_TOOLS if controllers else ()))
        self._controllers = controllers
        self._extra_flags = list(api_server_flags)
        self.authority = certificates.Authority("kubevitals-e2e")
        self._servers: dict[str, processes.Server] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the servers and return when they are ready; metrics-server waits for its `install`."""
        self._home = processes.Home("kubevitals-e2e-")
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        self.directory = self._home.directory
        self.port = self._home.reserve_port()
        self.authority_file = self.directory / "ca.crt"
        self.authority_file.write_bytes(self.authority.pem)
        self._start_etcd()
        self._start_api_server()
        admin = self.authority.issue("admin", groups=("system:masters",)).write(self.directory, "admin")
        self.api = apiclient.Client(self.port, authority=self.authority_file, certificate=admin)
        self.accounts = accounts.Accounts(self)
        self.kubeconfig = self.accounts.write_kubeconfig(
            "admin", user={"client-certificate": str(admin[0]), "client-key": str(admin[1])}
        )
        self._servers["kube-apiserver"].wait_until(lambda: self.api.answers("/readyz"))
        if self._controllers:
            self._start_controllers()
        for namespace in ("default", "kube-system"):
            self.add_namespace(namespace)
        self._start_kwok()
        self.metrics_server = metricsserver.MetricsServer(self)

    def stop(self) -> None:
        """Kill all servers and remove everything. A second call does nothing."""
        if hasattr(self, "api"):
            self.api.close()
        self._home.close()

    # the servers

    def server(self, name: str) -> processes.Server:
        """A server by the name of its program."""
        return self._servers[name]

    def memory(self) -> dict[str, int]:
        """Resident bytes of each running server, by name."""
        return self._home.memory()

    def add_server(self, name: str, *flags: str) -> processes.Server:
        """A server of this cluster, to be started by the caller, who has made sure that the tool is there."""
        program = self._tools[name] if name in self._tools else toolchain.require(name)[name]
        self._servers[name] = self._home.server(name, [program, *flags])
        return self._servers[name]

    def reserve_port(self) -> int:
        """A free port of 127.0.0.1 for as long as the cluster lives."""
        return self._home.reserve_port()

    def _start_etcd(self) -> None:
        self._etcd_port, peer = self._home.reserve_port(), self._home.reserve_port()
        client_url, peer_url = f"http://127.0.0.1:{self._etcd_port}", f"http://127.0.0.1:{peer}"
        etcd = self.add_server(
            "etcd",
            "--name=e2e",
            f"--data-dir={self.directory / 'etcd'}",
            f"--listen-client-urls={client_url}",
            f"--advertise-client-urls={client_url}",
            f"--listen-peer-urls={peer_url}",
            f"--initial-advertise-peer-urls={peer_url}",
            f"--initial-cluster=e2e={peer_url}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        )
        etcd.start()
        etcd.wait_until(lambda: _plain_answers(self._etcd_port, "/health"))

    def _start_api_server(self) -> None:
        flags = self._api_server_flags()
        if not self._controllers:  # nobody would take the taint `not-ready` from a new node again
            flags.append("--disable-admission-plugins=TaintNodesByCondition")
        self.add_server("kube-apiserver", *flags, *self._extra_flags).start()

    def _api_server_flags(self) -> list[str]:
        directory = self.directory
        names = ("127.0.0.1", SERVICE_ADDRESS, *SERVER_NAMES)
        serving = self.authority.issue("kube-apiserver", hosts=names).write(directory, "kube-apiserver")
        kubelet_client = self.authority.issue("kube-apiserver-kubelet-client", groups=("system:masters",))
        kubelet_pair = kubelet_client.write(directory, "kubelet-client")
        front_authority = certificates.Authority("kubevitals-e2e-front-proxy", days=self._front_proxy_days)
        (directory / "front-proxy-ca.crt").write_bytes(front_authority.pem)
        front = front_authority.issue("front-proxy-client").write(directory, "front-proxy-client")
        private, public = certificates.signing_pair()
        (directory / "service-accounts.key").write_bytes(private)
        (directory / "service-accounts.pub").write_bytes(public)
        return [
            f"--etcd-servers=http://127.0.0.1:{self._etcd_port}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",  # no endpoints object for a loopback address, which is refused
            f"--secure-port={self.port}",
            f"--tls-cert-file={serving[0]}",
            f"--tls-private-key-file={serving[1]}",
            f"--client-ca-file={self.authority_file}",
            f"--kubelet-certificate-authority={self.authority_file}",
            f"--kubelet-client-certificate={kubelet_pair[0]}",
            f"--kubelet-client-key={kubelet_pair[1]}",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={directory / 'service-accounts.pub'}",
            f"--service-account-signing-key-file={directory / 'service-accounts.key'}",
            "--authorization-mode=Node,RBAC",
            f"--requestheader-client-ca-file={directory / 'front-proxy-ca.crt'}",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-username-headers=X-Remote-User",
            f"--proxy-client-cert-file={front[0]}",
            f"--proxy-client-key-file={front[1]}",
        ]

    def stop_api_server(self) -> None:
        """Kill the API server, as a crash would."""
        self._servers["kube-apiserver"].kill()

    def restart_api_server(self) -> None:
        """Kill the API server if it runs, start it on the same port, wait until it is ready."""
        server = self._servers["kube-apiserver"]
        server.kill()
        server.start()
        server.wait_until(lambda: self.api.answers("/readyz"))

    def compact_history(self) -> int:
        """Make etcd forget what was before now: older resource versions are gone (410); the revision."""
        any_key = json.loads(_plain(self._etcd_port, "/v3/kv/range", {"key": "YQ=="}))
        revision = int(any_key["header"]["revision"])
        _plain(self._etcd_port, "/v3/kv/compaction", {"revision": str(revision), "physical": True})
        return revision

    def _start_kwok(self) -> None:
        self.kubelet_port = self._home.reserve_port()
        serving = self.authority.issue("kwok", hosts=("127.0.0.1", "localhost")).write(
            self.directory, "kwok-serving"
        )
        user = self.authority.issue("kwok", groups=("system:masters",)).write(self.directory, "kwok")
        kubeconfig = self.accounts.write_kubeconfig(
            "kwok", user={"client-certificate": str(user[0]), "client-key": str(user[1])}
        )
        kwok = self.add_server(
            "kwok",
            f"--kubeconfig={kubeconfig}",
            f"--config={metricsserver.MANIFESTS / 'kwok.yaml'}",
            "--manage-all-nodes=true",
            "--node-ip=127.0.0.1",
            f"--node-port={self.kubelet_port}",
            f"--server-address=127.0.0.1:{self.kubelet_port}",
            f"--tls-cert-file={serving[0]}",
            f"--tls-private-key-file={serving[1]}",
            # the controllers give up a node without a lease; without them, leases are only load
            f"--node-lease-duration-seconds={40 if self._controllers else 0}",
        )
        kwok.start()
        kwok.wait_until(lambda: _plain_answers(self.kubelet_port, "/healthz"))

    def wake_kubelets(self, *, seconds: float = 10) -> None:
        """Ask kwok for the metrics of each node once, and until a running pod is in them.

        Its cache of pods fills at the first question, and its counters begin at zero, which metrics-server
        drops: without this, usage would come one reading later.
        """
        for name in self.node_names():
            _plain(self.kubelet_port, population.metrics_path(name))
        pods = self.api.get("/api/v1/pods?fieldSelector=status.phase%3DRunning&limit=1")["items"]
        if pods:
            path = population.metrics_path(pods[0]["spec"]["nodeName"])
            word = f'pod="{pods[0]["metadata"]["name"]}"'.encode()
            kwok = self._servers["kwok"]
            kwok.wait_until(lambda: word in _plain(self.kubelet_port, path), seconds=seconds)

    def node_names(self) -> list[str]:
        """The names of all nodes."""
        return [node["metadata"]["name"] for node in self.api.get("/api/v1/nodes")["items"]]

    def _start_controllers(self) -> None:
        common = (f"--kubeconfig={self.kubeconfig}", "--leader-elect=false", "--bind-address=127.0.0.1")
        self.add_server(
            "kube-controller-manager",
            *common,
            f"--secure-port={self._home.reserve_port()}",
            f"--service-account-private-key-file={self.directory / 'service-accounts.key'}",
            f"--root-ca-file={self.authority_file}",
            "--use-service-account-credentials",
            "--horizontal-pod-autoscaler-sync-period=5s",
        ).start()
        self.add_server("kube-scheduler", *common, f"--secure-port={self._home.reserve_port()}").start()

    # what is in the cluster

    def add_namespace(self, name: str) -> None:
        """Create a namespace with its default service account, without which no pod is admitted."""
        self.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        account = {"name": "default", "namespace": name}
        self.api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})

    def apply(self, manifests: str) -> None:
        """Create or update the objects of a YAML stream."""
        self.api.apply(*apiclient.parse_manifests(manifests))

    def add_nodes(self, count: int, **details: Any) -> list[str]:
        """Create nodes and wait until kwok has made them ready; their names. As `population.node`."""
        return population.add_nodes(self.api, count, **details)

    def add_pods(self, count: int, **details: Any) -> list[str]:
        """Create pods on the nodes there are and wait until they run; their names."""
        self.add_namespace(details.get("namespace", "default"))
        return population.add_pods(self.api, count, **details)

    def kubectl(
        self, *arguments: str, kubeconfig: Path | None = None, program: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a real kubectl, as the administrator unless another kubeconfig is given; what came of it."""
        command = [str(program or toolchain.require("kubectl")["kubectl"]), *arguments]
        environment: Mapping[str, str] = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.directory),  # its discovery cache goes with the cluster
            "KUBECONFIG": str(kubeconfig or self.kubeconfig),
        }
        return subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            stdin=subprocess.DEVNULL,
        )


def _plain_answers(port: int, path: str) -> bool:
    try:
        _plain(port, path)
    except (OSError, http.client.HTTPException):
        return False
    return True


def _plain(port: int, path: str, body: dict[str, Any] | None = None) -> bytes:
    """The answer to a request without TLS; POST if there is a body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST" if body else "GET", path, json.dumps(body) if body else None)
        response = connection.getresponse()
        answer = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise ConnectionError(f"{path}: {response.status} {answer[:200]!r}")
    return answer
