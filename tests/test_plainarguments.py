"""Plain command lines read without argparse: the same values as argparse's, or none at all."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import small_world

from kubevitals import errors
from kubevitals.cli import argumentparser, clusteroptions, plainarguments
from kubevitals.cli.commands import top
from simcluster import simulation

if TYPE_CHECKING:
    from pathlib import Path

PARSER = argumentparser.make_parser("kubevitals top", top)


def read_both(words: list[str]) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """What each of the two reads; None where argparse refuses or the plain reader gives up."""
    spelled = clusteroptions.spell_out(words)
    plain = plainarguments.parse(top, spelled)
    try:
        full = vars(PARSER.parse_intermixed_args(spelled))
    except (SystemExit, errors.UsageError):
        full = None
    return (None if plain is None else vars(plain)), full


@pytest.mark.parametrize(
    "line",
    [
        "pods",
        "pods -A --usage",
        "pods -A --usage --kubeconfig sim.yaml",
        "nodes -o wide --no-headers",
        "pods web-0 -n shop db-0 --containers",
        "--context prod pods -A --sort-by memory --sort-by=cpu:asc,name --limit 10",
        "pods --disable-compression --request-timeout 1m",
        "pods --insecure-skip-tls-verify=false --simulation nodes=3,fault=slow",
        "pods --group-by label=team --as jane --as-group a --as-group b -s https://x:1 --token=a=b",
        "pods -l app=web,tier!=cache --selector=",
    ],
)
def test_plain_lines_are_read_as_argparse_does(line: str) -> None:
    """Usual command lines give the same values, name by name."""
    plain, full = read_both(line.split())
    assert plain is not None
    assert plain == full


@pytest.mark.parametrize(
    "line",
    [
        "",
        "pods --help",
        "pods --nonsense",
        "pods --limit",
        "pods --limit 0",
        "pods --limit=-1",
        "pods -nshop",
        "pods -n=shop",
        "pods -Ao wide",
        "pods -n -A",
        "pods -- -x",
        "pods -o xml",
        "pods --usage=true",
        "pods --use-protocol-buffers",
        "pods --group-by color",
        "pods --disable-compression=maybe",
        "pods -",
    ],
)
def test_doubt_is_left_to_argparse(line: str) -> None:
    """A mistake, a request for help or a rare spelling is not judged here."""
    assert plainarguments.parse(top, clusteroptions.spell_out(line.split())) is None


_LINE = (
    "pods nodes x -A -n shop --usage -o wide --output=json --limit 5 -1 --sort-by cpu --sort-by=name -w -- "
    "-h --no-headers --of capacity --context --disable-compression --as-group --simulate -l a=b --node= = - "
    "--interval=5s"
)
_WORDS = st.sampled_from(_LINE.split())


@settings(max_examples=300, deadline=None)
@given(st.lists(_WORDS, max_size=8))
def test_what_is_read_is_what_argparse_reads(words: list[str]) -> None:
    """Whatever the words are: if they are read at all, then as argparse reads them."""
    if "-h" in words:
        assert plainarguments.parse(top, words) is None
        return
    plain, full = read_both(words)
    assert plain is None or plain == full


@pytest.mark.parametrize(
    "described",
    [
        {"required": True},
        {"type": int, "default": "5"},
        {"action": "count"},
        {"nargs": "+"},
        {"action": "store_true", "deprecated": True},
    ],
)
def test_what_is_described_in_another_way_is_left_to_argparse(described: dict[str, Any]) -> None:
    """An option whose description this parser does not know is not guessed at."""

    class Module:
        @staticmethod
        def add_arguments(parser: Any) -> None:
            parser.add_argument("--plain")
            parser.add_argument("--other", **described)

    words = ["--other", "1"]
    assert plainarguments.parse(Module, words) is None


def test_values_do_not_show() -> None:
    """A token on the command line is not in the arguments' repr."""
    assert "secret" not in repr(plainarguments.parse(top, ["pods", "--token", "secret"]))


def test_usual_top_loads_neither_argparse_nor_re_nor_json(tmp_path: Path) -> None:
    """The start of a usual `top` stays light: what makes it heavy is not loaded."""
    code = (
        "import sys; from kubevitals import cli\n"
        "code = cli.main(['top', 'pods', '-A', '--usage', '--kubeconfig', sys.argv[1]])\n"
        "print(code, *sys.modules, file=sys.stderr)\n"
    )
    with simulation.SimulatedCluster(world=small_world.SmallWorld()) as running:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(running.kubeconfig())
        answer = subprocess.run(
            [sys.executable, "-c", code, kubeconfig], capture_output=True, text=True, check=True
        )
    code_printed, *loaded = answer.stderr.splitlines()[-1].split()
    assert code_printed == "0"
    assert "kubevitals.kube.client" in loaded
    heavy = {"argparse", "json", "re", "ssl", "socket", "asyncio", "msgspec", "yaml", "typing"}
    assert not heavy.intersection(loaded)
