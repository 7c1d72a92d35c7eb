"""Parts of README.md, each under a heading, that runs of their own write. Pure."""

from __future__ import annotations


class Section:
    """One part: its heading, the files that hold it and its figures, and what is said before the table."""

    __slots__ = ("fragment", "heading", "intro", "results")

    def __init__(self, heading: str, *, fragment: str, results: str, intro: str) -> None:
        self.heading = heading
        self.fragment = fragment
        self.results = results
        self.intro = intro

    def render(self, table: str, machine: str) -> str:
        """Return the section."""
        return f"{self.heading}\n\n{self.intro}\n{table}\n{machine}"


def join(readme: str, fragment: str) -> str:
    """Return README.md with `fragment` in place of the section of its heading, or at its end."""
    heading = fragment.partition("\n")[0]
    before, found, after = readme.partition(f"{heading}\n")
    following = after.find("\n## ") if found else -1
    rest = after[following + 1 :] if following >= 0 else ""
    return f"{before.rstrip()}\n\n{fragment.rstrip()}\n" + (f"\n{rest}" if rest else "")


REAL = Section(
    "## On a real control plane",
    fragment="real.md",
    results="results-real.json",
    intro=(
        "Written by `python -m benchmarks --real`; the figures behind it are in\n"
        "[results-real.json](results-real.json). kube-apiserver, etcd and metrics-server are real and run\n"
        "on the same cores as what is measured; kwok plays 1,000 nodes and 10,000 pods in 10 namespaces;\n"
        "metrics-server collects once a minute.\n"
    ),
)
SERVICE = Section(
    "## The service",
    fragment="service.md",
    results="results-service.json",
    intro=(
        "Written by `python -m benchmarks --service` in about fifteen minutes; the figures behind it are in\n"
        "[results-service.json](results-service.json). `kubevitals serve` runs with its defaults (a poll\n"
        "every 15 s, samples kept in memory) beside `kubevitals simulate`, which has a core of its own.\n"
        "\n"
        "- A tick is all CPU seconds of the process, user and system, over three ticks, divided by three,\n"
        "  the watches included. Before, all the answers named in `service.py`,\n"
        "  whole lists of all pods among them, and the exposition were asked for as gzip, as Grafana and\n"
        "  Prometheus do; so they are made again with each snapshot. Ten or so pods of the 150,000 change\n"
        "  between two ticks; notes.md says what more change costs.\n"
        "- Requests *meanwhile* are those that were asked for while the service kept a core busy.\n"
        "- Memory is the most that the kernel counted, all of the above included.\n"
        "- The soak is a minute of visits after another one that is not counted, with a poll every 5 s;\n"
        "  memory is compared six ticks after each.\n"
        "- Beside peers: kube-apiserver, etcd, metrics-server and kube-state-metrics are real; before each\n"
        "  scrape three pods are deleted, so that nobody answers with what is at hand. CPU is that of the\n"
        "  exporter's process, memory the most it ever had. Prometheus asks for gzip, which kubevitals\n"
        "  gives and kube-state-metrics only with an option.\n"
    ),
)
LAYERS = Section(
    "## Sources, history and remote-write",
    fragment="layers.md",
    results="results-layers.json",
    intro=(
        "Written by `python -m benchmarks --layers` in a few minutes; the figures behind it are in\n"
        "[results-layers.json](results-layers.json). The kubelets are simulated and answer over TLS; the\n"
        "parser's peer is prometheus_client; Prometheus, which takes the samples of remote-write, is real.\n"
        "A share of a core is CPU seconds of the process by the seconds that the recording stands for.\n"
    ),
)
ALL = (REAL, SERVICE, LAYERS)
