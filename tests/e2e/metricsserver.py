"""The life of metrics-server in a test cluster: installed, not ready, empty, full, killed, back, gone."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests import waiting
from tests.e2e import apiclient, processes

if TYPE_CHECKING:
    from tests.e2e import controlplane

MANIFESTS = Path(__file__).with_name("manifests")
API = "/apis/metrics.k8s.io/v1beta1"
RESOLUTION_SECONDS = 10  # the shortest that metrics-server accepts; it needs two readings for a rate


class MetricsServer:
    """The metrics-server of one cluster. A new cluster has none."""

    def __init__(self, cluster: controlplane.ControlPlane) -> None:
        self._cluster = cluster
        self._objects: list[apiclient.Object] = []
        self._process: processes.Server | None = None

    def install(self, *, run: bool = True) -> None:
        """Give it its rights, register the metrics API, and start it unless told not to; not ready yet."""
        if self._process is None:
            self._prepare()
        self._cluster.api.apply(*self._objects)
        if run:
            self.start()

    def uninstall(self) -> None:
        """End it and take away all that `install` has brought."""
        self.kill()
        for thing in reversed(self._objects):
            self._cluster.api.delete(thing)

    def start(self) -> None:
        """Start the process, for the first time or again. It forgets what it had measured."""
        assert self._process is not None, "metrics-server is not installed"
        token = self._cluster.accounts.create_token("metrics-server", namespace="kube-system", seconds=86_400)
        self._cluster.accounts.write_kubeconfig("metrics-server", user={"token": token})
        self._cluster.wake_kubelets()
        self._process.start()

    def kill(self) -> None:
        """End the process as a crash would; the metrics API stays registered."""
        if self._process is not None:
            self._process.kill()

    def _prepare(self) -> None:
        cluster = self._cluster
        port = cluster.reserve_port()
        names = ("metrics-server.kube-system.svc", "localhost", "127.0.0.1")
        serving = cluster.authority.issue("metrics-server", hosts=names).write(
            cluster.directory, "metrics-server"
        )
        kubeconfig = cluster.directory / "metrics-server.kubeconfig"
        self._objects = list(
            apiclient.parse_manifests((MANIFESTS / "metrics-server.yaml").read_text(encoding="utf-8"))
        )
        registration = self._objects[-1]
        registration["spec"]["service"]["port"] = port
        registration["spec"]["caBundle"] = base64.b64encode(cluster.authority.pem).decode()
        self._process = cluster.add_server(
            "metrics-server",
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            f"--tls-cert-file={serving[0]}",
            f"--tls-private-key-file={serving[1]}",
            f"--kubelet-certificate-authority={cluster.authority_file}",
            "--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname",
            "--kubelet-use-node-status-port",
            f"--metric-resolution={RESOLUTION_SECONDS}s",
            f"--kubelet-request-timeout={RESOLUTION_SECONDS * 9 // 10}s",
        )

    def counts(self) -> tuple[int, int] | None:
        """How many nodes and pods the metrics API has usage of; None while it does not answer with a list."""
        try:
            nodes, pods = (self._cluster.api.get(f"{API}/{name}") for name in ("nodes", "pods"))
        except (apiclient.ApiError, OSError):
            return None
        return len(nodes["items"]), len(pods["items"])

    def wait_until_full(self, *, nodes: int = 1, pods: int = 0, seconds: float = 60) -> None:
        """Return when the metrics API has usage of so many nodes and pods.

        Raises:
            StartError: if that takes longer, or the process ends.
        """
        assert self._process is not None, "metrics-server is not installed"

        def full() -> bool:
            counts = self.counts()
            return counts is not None and counts[0] >= nodes and counts[1] >= pods

        self._process.wait_until(full, seconds=seconds, pause=0.25)

    def wait_until_empty_or_full(self, *, seconds: float = 60) -> tuple[int, int]:
        """Return when the metrics API answers at all; what it has then."""
        answer = waiting.until(self.counts, what="an answer of the metrics API", seconds=seconds, pause=0.1)
        assert answer is not None
        return answer

    def usage(self, kind: str) -> Any:
        """The raw list of `nodes` or `pods`, as the metrics API gives it."""
        return self._cluster.api.get(f"{API}/{kind}")
