"""`python -m benchmarks`: measures, prints a table; a full run writes README.md and results.json, too."""

from __future__ import annotations

import argparse
import compileall
import json
import os
import sys
import traceback

from benchmarks import (
    commands,
    figures,
    history,
    kubelets,
    library,
    processes,
    quantities,
    realcluster,
    remotewrite,
    report,
    sections,
    service,
    startup,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_HOME = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 pathlib would only add memory here
_SOURCES = os.path.join(os.path.dirname(_HOME), "src", "kubevitals")  # noqa: PTH118, PTH120 as above
GROUPS: dict[str, Callable[..., Iterator[figures.Row]]] = {
    "usage": commands.measure_usage,
    "requests": commands.measure_requests,
    "library": library.measure_library,
    "memory": library.measure_memory,
    "modules": startup.measure_modules,
    "quantities": quantities.measure_quantities,
}
LAYERS: dict[str, Callable[..., Iterator[figures.Row]]] = {
    "kubelets": kubelets.measure_kubelets,
    "history": history.measure_history,
    "remote-write": remotewrite.measure_remote_write,
}
SECTIONS: dict[str, tuple[sections.Section, dict[str, Callable[..., Iterator[figures.Row]]]]] = {
    "real": (sections.REAL, {"real": realcluster.measure_real}),
    "service": (sections.SERVICE, {"service": service.measure_service}),
    "layers": (sections.LAYERS, LAYERS),
}


def main(argv: Sequence[str]) -> int:
    """Measure and print; return 1 only if something failed, never because something is slow."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small clusters and few rounds, for CI")
    parser.add_argument(
        "--only", action="append", choices=[*GROUPS, *LAYERS], help="only this group (repeatable)"
    )
    own = parser.add_mutually_exclusive_group()
    own.add_argument(
        "--real",
        action="store_const",
        const="real",
        dest="section",
        help="on a real control plane (make e2e-tools)",
    )
    own.add_argument(
        "--service",
        action="store_const",
        const="service",
        dest="section",
        help="what serving costs, and whom",
    )
    own.add_argument(
        "--layers",
        action="store_const",
        const="layers",
        dest="section",
        help="sources of usage, history and remote-write",
    )
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    arguments = parser.parse_args(argv)
    os.chdir(os.path.dirname(_HOME))  # noqa: PTH120 as above; the readers are modules of this folder
    compileall.compile_dir(_SOURCES, quiet=1)  # as an installer does; nothing later writes bytecode
    machine = report.describe_machine()
    print(report.render_machine(machine), flush=True)
    if arguments.quick:
        print("a quick run: clusters too small and rounds too few to judge by\n", flush=True)
    groups = _choose(arguments)
    rows, failed = _measure(groups, quick=arguments.quick)
    print("\n" + report.render_table(rows))
    if arguments.json:
        _write(arguments.json, _to_json(rows, machine))
    if arguments.section and not (arguments.quick or failed):
        _write_section(SECTIONS[arguments.section][0], rows, machine)
    elif arguments.section:
        pass
    elif not (arguments.only or arguments.quick or failed):
        with open(os.path.join(_HOME, "notes.md"), encoding="utf-8") as file:  # noqa: PTH118, PTH123 as above
            notes = file.read()
        readme = report.render_readme(rows, machine, notes)
        for section in sections.ALL:
            if os.path.exists(fragment := _at_home(section.fragment)):  # noqa: PTH110 as above
                readme = sections.join(readme, processes.read_text(fragment))
        _write(os.path.join(_HOME, "README.md"), readme)  # noqa: PTH118
        _write(os.path.join(_HOME, "results.json"), _to_json(rows, machine))  # noqa: PTH118
    return 1 if failed else 0


def _choose(arguments: argparse.Namespace) -> Mapping[str, Callable[..., Iterator[figures.Row]]]:
    """Return the groups to measure: those of a section, the named ones, or all; in CI those of layers too."""
    if arguments.section:
        return SECTIONS[arguments.section][1]
    known = {**GROUPS, **LAYERS}
    return {name: known[name] for name in arguments.only or (known if arguments.quick else GROUPS)}


def _at_home(name: str) -> str:
    return os.path.join(_HOME, name)  # noqa: PTH118 as above


def _write_section(
    section: sections.Section, rows: Sequence[figures.Row], machine: dict[str, object]
) -> None:
    machine["load at the end"] = " ".join(f"{load:.2f}" for load in os.getloadavg())
    fragment = section.render(report.render_table(rows), report.render_machine(machine))
    readme = processes.read_text(_at_home("README.md"))
    _write(_at_home(section.fragment), fragment)
    _write(_at_home("README.md"), sections.join(readme, fragment))
    _write(_at_home(section.results), _to_json(rows, machine))


def _measure(
    groups: Mapping[str, Callable[..., Iterator[figures.Row]]], *, quick: bool
) -> tuple[list[figures.Row], bool]:
    """Return all rows, and whether a group failed; the others are measured all the same."""
    rows: list[figures.Row] = []
    failed = False
    for name, measure in groups.items():
        try:
            for row in measure(quick=quick):
                rows.append(row)
                print(f"{row.what}: {row.ours} / {row.peer or '-'} {row.ratio}", flush=True)
        except (processes.FailedError, TimeoutError) as error:
            print(f"error: {name}: {error}", file=sys.stderr)
            failed = True
        except Exception:  # noqa: BLE001 - the boundary of a group: told, and the rest goes on
            traceback.print_exc()
            failed = True
    return rows, failed


def _to_json(rows: Sequence[figures.Row], machine: dict[str, object]) -> str:
    return json.dumps(report.to_document(rows, machine), indent=1) + "\n"


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123 as above
        file.write(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
