"""Which modules the command line loads: none of the heavy ones, and how many in all."""

from __future__ import annotations

import os

from benchmarks import figures, processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_BANNED = ("asyncio", "httpx", "rich", "textual", "fastapi", "pydantic")


def measure_modules(*, quick: bool) -> Iterator[figures.Row]:
    """Yield the modules loaded by --help and by top on 100 pods."""
    count = 3 if quick else 11
    with processes.serve(100) as served:
        top = ("top", "pods", "-A", "--kubeconfig", served.kubeconfig)
        for name, words in (
            ("--help", ("--help",)),
            ("top pods -A --usage, 100 pods", (*top, "--usage")),
            ("top pods -A, 100 pods", top),
        ):
            command = [*processes.kubevitals_command(), *words]
            runs = processes.rounds({"ours": command}, count=count, folder=served.folder)["ours"]
            modules = _loaded(command, served.folder)
            banned = sorted(modules.intersection(_BANNED))
            yield figures.Row(
                "modules",
                f"modules loaded by {name}",
                ours=f"{len(modules)} modules, {figures.format_seconds(figures.summarize(runs)['seconds'])}",
                peer=f"loads {', '.join(banned)}" if banned else "",
                target="none of " + ", ".join(_BANNED),
                reached=not banned,
                data={"modules": len(modules), "banned": banned, "ours": figures.summarize(runs)},
            )


def _loaded(command: list[str], folder: str) -> set[str]:
    """Return the names of the modules that a run of the command imports, as Python itself tells them."""
    env = processes.environment(PYTHONPROFILEIMPORTTIME="1")
    processes.measure(command, folder=folder, env=env)
    text = processes.read_text(os.path.join(folder, "stderr"))  # noqa: PTH118 the process stays small
    lines = (line for line in text.splitlines() if line.startswith("import time:") and "[us]" not in line)
    return {line.rsplit("|", 1)[1].strip() for line in lines}
