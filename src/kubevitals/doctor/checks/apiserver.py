"""The API server: is it ready, and does its clock agree with this machine's?"""

from __future__ import annotations

import time

from kubevitals import errors
from kubevitals.doctor import diagnosis, layers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals.doctor import context as contexts

_NOT_READY = diagnosis.Diagnosis(
    "api_server_not_ready", layers.API_SERVER,
    "API server: it answers, but says that it is not ready",
    "One of its own checks fails; etcd is the usual one.",
    ("kubectl get --raw /readyz?verbose",),
    ("Look at what the line with [-] names: etcd's pods and disks first.",),
    "restarting everything else: all of it waits for the API server",
    symptom="[-]etcd failed: reason withheld",
)  # fmt: skip


def look(context: contexts.Context) -> Iterator[diagnosis.Finding | diagnosis.Note]:
    """Ask /version and /readyz."""
    began = time.monotonic()
    version = diagnosis.text(context.json("/version"), "gitVersion")
    took = (time.monotonic() - began) * 1000
    try:
        said = context.text("/readyz", (("verbose", ""),))
    except errors.StatusError as error:
        said = error.content.decode("utf-8", "replace") if error.status == 500 else ""
    except errors.ClusterError:
        said = ""
    failed = [line for line in said.splitlines() if line.startswith("[-]")]
    if failed:
        yield diagnosis.find(_NOT_READY, *failed, title=f"{_NOT_READY.title}: {failed[0][3:60]}")
    yield diagnosis.Note(layers.API_SERVER, diagnosis.OK, f"{version[:40]}, {took:.0f} ms")


CHECK = diagnosis.Check("api_server", layers.API_SERVER, look, diagnoses=(_NOT_READY,))
