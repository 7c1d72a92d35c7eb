"""What several boards show: the choice of a cluster, what is wrong, and what numbers mean in words."""

from __future__ import annotations

from deploy.grafana.boards.words import Ask, Past, Table, Variable

CLUSTER = Variable("cluster", "Cluster", "clusters")
IN_NAMESPACE = ("namespace", "namespace")

USED = (
    "CPU is the average over the sample's window, memory the working set at its end. A dash means "
    "unknown, not 0."
)
OF_REQUEST = (
    "Of request and of limit are shares of what was declared, unknown without that. Above 100 % of a request "
    "is allowed; who reaches the memory limit is killed."
)
PROMISED = "What pods asked for, by the scheduler's rule, as a share of what the nodes may promise."
SCALE = "Green to 85 %, yellow to 95 %, red above."


DETAIL = "Kubelets tell it where kubevitals reads them with --detail."


def problems(ask: Ask) -> Table:
    """Return the table of what is wrong."""
    return Table(
        "What is wrong",
        "The most serious first. Critical: something is broken or could not be read; warning: it soon may "
        "be; info: why some usage is missing, without anybody's fault.",
        ask,
        ("severity", "code", "kind", "namespace", "name", "since", "message"),
    )


def past(what: str, of: str, key: str, where: tuple[tuple[str, str], ...] = (), *, limit: int = 20) -> Past:
    """Return the past of the `limit` rows that used the most; `what` begins its text."""
    text = f"{what} The {limit} that used the most in the range shown, from what the service remembers."
    return Past(text, Ask(of, where, largest=key, limit=limit), key)
