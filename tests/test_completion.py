"""Completion: what is offered where, from where, how quickly, and how real shells take it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from tests import small_world, terminals

from kubevitals import cli
from kubevitals.cli.commands import completion
from kubevitals.cli.completion import clusternames, completer
from simcluster import simulation as simulated

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

BASH, ZSH, FISH, KUBECTL = (shutil.which(name) for name in ("bash", "zsh", "fish", "kubectl"))
EVIL = 'evil$(touch PWNED)`touch PWNED`;touch PWNED; it\'s "x"'
CONTEXTS = ["plain", "my prod", EVIL, "arn:aws:eks:eu:1:cluster/shop", "new\nline", "esc\x1b[2J"]
HOSTILE_POD = 'pod "$(touch PWNED)" `touch PWNED`'


def write_kubeconfig(folder: pathlib.Path, **user: object) -> str:
    """A kubeconfig of odd contexts; JSON is YAML too."""
    path = folder / "config"
    body = {
        "current-context": "plain",
        "clusters": [{"name": "cluster-1", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "jane", "user": user}],
        "contexts": [
            {"name": name, "context": {"cluster": "cluster-1", "user": "jane", "namespace": "shop"}}
            for name in CONTEXTS
        ],
    }
    path.write_text(json.dumps(body))
    return str(path)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The kubeconfig of a small simulated cluster with one pod whose name is hostile."""
    world = small_world.SmallWorld()
    world.pods.append(small_world.pod(HOSTILE_POD, "shop"))
    world.pods.append(small_world.pod("two\nlines", "shop"))
    with simulated.SimulatedCluster(world=world) as cluster:
        path = tmp_path_factory.mktemp("live") / "config"
        path.write_text(cluster.kubeconfig())
        yield str(path)


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """No test reads the kubeconfig of whoever runs it."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.delenv("_KUBEVITALS_SHELL", raising=False)
    monkeypatch.setattr(clusternames, "_GRACE", 600.0)  # after which the process would end


def ask(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[list[str], str]:
    """The candidates without descriptions, and the directive."""
    capsys.readouterr()
    assert cli.main(["__complete", *words]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    *lines, directive = captured.out.splitlines()
    return [line.split("\t")[0] for line in lines], directive


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("|", list(cli.COMMANDS)),
        ("ov|", ["overview"]),
        ("--context x o|", ["overview"]),
        ("top |", ["nodes", "pods", "containers", "namespaces", "workloads"]),
        ("top po|", ["pods"]),
        ("completion |", ["bash", "zsh", "fish"]),
        ("completion bash |", []),
        ("top pods -o |", ["wide", "json", "yaml", "csv", "name"]),
        ("top pods -oj|", ["-ojson"]),
        ("top pods -Ao j|", ["json"]),
        ("top pods --output=c|", ["csv"]),
        ("top nodes --of |", ["allocatable", "capacity"]),
        ("top pods --no-h|", ["--no-headers"]),
        ("top pods --sort-by memory_of|", ["memory_of_limit", "memory_of_request"]),
        ("top pods --sort-by name,cpu_u|", ["name,cpu_usage_cores"]),
        ("top pods --sort-by age:|", ["age:asc", "age:desc"]),
        ("top nodes --sort-by cpu_of|", ["cpu_of_allocatable", "cpu_of_capacity"]),
        ("top pods --group-by n|", ["namespace", "node"]),
        ("top pods --filter phase:R|", ["phase:Running"]),
        ("top pods --filter !ready:|", ["!ready:true", "!ready:false", "!ready:none"]),
        ("top pods --filter nonsense:|", []),
        ("top pods --field-selector status.phase=R|", ["status.phase=Running"]),
        ("top pods --insecure-skip-tls-verify=f|", ["false"]),
        ("top pods --insecure-skip-tls-verify n|", []),
        ("simulate --fault metrics-ab|", ["metrics-absent"]),
        ("top pods --simulation nodes=3,fault=sl|", ["nodes=3,fault=slow"]),
        ("simulate --metrics-api |", ["both", "v1", "v1beta1"]),
        ("nonsense |", []),
        ("top nonsense |", []),
        ("top pods --nonsense=|", []),
    ],
)
def test_words(capsys: pytest.CaptureFixture[str], line: str, expected: list[str]) -> None:
    """Commands, kinds, options and their values are offered where they may stand."""
    words = line.removesuffix("|").split(" ")
    found, directive = ask(capsys, *words)
    assert found == expected
    assert directive == ":4"


def test_options_once(capsys: pytest.CaptureFixture[str]) -> None:
    """An option that is given is not offered again, unless it may be repeated."""
    found, _ = ask(capsys, "top", "pods", "--sum", "--as-group", "x", "--")
    assert "--sum" not in found
    assert "--as-group" in found
    assert "--sort-by" in found


def test_descriptions(capsys: pytest.CaptureFixture[str]) -> None:
    """Options carry their help as description, without the marks of argparse."""
    assert cli.main(["__complete", "simulate", "--see"]) == 0
    assert capsys.readouterr().out == "--seed\tthe same number gives the same cluster (default: 1)\n:4\n"


def test_after_double_dash(capsys: pytest.CaptureFixture[str]) -> None:
    """After -- nothing is an option."""
    assert ask(capsys, "top", "--", "--o") == ([], ":4")


def test_no_space(capsys: pytest.CaptureFixture[str]) -> None:
    """After a key that wants a value no blank is put."""
    assert ask(capsys, "top", "pods", "--group-by", "la") == (["label="], ":6")
    found = ["cpu%request>", "cpu%limit>"]
    assert ask(capsys, "top", "pods", "--filter", "cpu%") == (found, ":6")
    assert ask(capsys, "top", "pods", "--filter", "ns:shop !cpu%") == (
        [f"ns:shop !{each}" for each in found],
        ":6",
    )
    assert ask(capsys, "top", "nodes", "--filter", "lab") == (["label."], ":6")


def test_files(capsys: pytest.CaptureFixture[str]) -> None:
    """Where a file is wanted, the shell is left to complete it."""
    assert ask(capsys, "top", "pods", "--kubeconfig", "x") == ([], ":0")
    assert ask(capsys, "simulate", "--write-kubeconfig=x") == ([], ":0")


def test_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    """Each option of each command can be completed without a failure, with no cluster at hand."""
    for command in cli.COMMANDS:
        options, _ = ask(capsys, command, "--")
        assert "--help" in options
        for option in options:
            ask(capsys, command, option, "x")
            ask(capsys, command, f"{option}=x")


def test_kubeconfig_entries(capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path) -> None:
    """Contexts, clusters and users come from the kubeconfig; those that no line can hold are left out."""
    path = write_kubeconfig(tmp_path)
    assert ask(capsys, "top", "--kubeconfig", path, "--context", "")[0] == sorted(
        ["plain", "my prod", EVIL, "arn:aws:eks:eu:1:cluster/shop"]
    )
    assert ask(capsys, "--kubeconfig", path, "--cluster", "")[0] == ["cluster-1"]
    assert ask(capsys, "overview", f"--kubeconfig={path}", "--user", "j")[0] == ["jane"]


def test_live_names(capsys: pytest.CaptureFixture[str], live: str) -> None:
    """Namespaces, nodes, pods, labels and workloads come from the cluster that the line names."""
    near = ("--kubeconfig", live)
    assert ask(capsys, "top", "pods", *near, "-n", "")[0] == ["default", "shop"]
    assert ask(capsys, "top", "nodes", *near, "")[0] == ["node-1", "node-2"]
    assert ask(capsys, "top", "pods", *near, "--filter", "cpu>1 ns:")[0] == [
        "cpu>1 ns:default", "cpu>1 ns:shop", "cpu>1 ns:none",
    ]  # fmt: skip
    assert ask(capsys, "top", "pods", *near, "-A", "--node", "")[0] == ["node-1", "node-2"]
    assert ask(capsys, "top", "namespaces", *near, "d")[0] == ["default"]
    assert ask(capsys, "top", "pods", *near, "-n", "shop", "pod-00")[0] == [
        "pod-000", "pod-002", "pod-004", "pod-006",
    ]  # fmt: skip
    assert ask(capsys, "top", "pods", *near, "-nshop", "pod-000", "pod-00")[0] == [
        "pod-002", "pod-004", "pod-006",
    ]  # fmt: skip
    assert ask(capsys, *near, "-n", "shop", "top", "po", "pod-006")[0] == ["pod-006"]
    assert ask(capsys, "top", "pods", *near, "-A", "p")[0] == []
    assert ask(capsys, "top", "pods", *near, "-A", "-l", "") == (["app="], ":6")
    assert ask(capsys, "top", "pods", *near, "-A", "-l", "x,app=") == (["x,app=db", "x,app=web"], ":4")
    assert ask(capsys, "top", "nodes", *near, "-l", "kubernetes.io/hostname=node-1")[0] == [
        "kubernetes.io/hostname=node-1"
    ]
    assert ask(capsys, "top", "pods", *near, "--group-by", "label=")[0] == ["label=app"]


def test_simulated(capsys: pytest.CaptureFixture[str]) -> None:
    """--simulate gives the names of the simulated cluster; workloads are those above the pods."""
    found, _ = ask(capsys, "top", "workloads", "--simulate", "-A", "")
    assert {"cart", "search", "node-exporter", "invoice-export"} <= set(found)
    assert not any(name.startswith("invoice-export-") for name in found)


def test_hostile_pod(capsys: pytest.CaptureFixture[str], live: str) -> None:
    """A name that a line cannot hold is left out, an odd one is offered as it is."""
    found, _ = ask(capsys, "top", "pods", "--kubeconfig", live, "-n", "shop", "")
    assert HOSTILE_POD in found
    assert not any("lines" in name for name in found)


@pytest.mark.parametrize(
    "fault", ["slow=2s", "forbidden", "unauthorized", "cut-off", "connection-reset", "throttled"]
)
def test_faults(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, fault: str
) -> None:
    """A cluster that does not answer well gives no names: quickly, and without a word."""
    monkeypatch.setattr(clusternames, "PATIENCE", 0.4)
    with simulated.SimulatedCluster(world=small_world.SmallWorld(), faults=[fault]) as cluster:
        path = tmp_path / "config"
        path.write_text(cluster.kubeconfig())
        started = time.monotonic()
        assert ask(capsys, "top", "nodes", "--kubeconfig", str(path), "") == ([], ":4")
        assert time.monotonic() - started < 1.5


def test_partial_list(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, live: str) -> None:
    """A huge list is not read to its end: what is there is offered."""
    monkeypatch.setattr(clusternames, "_PAGE", 2)
    monkeypatch.setattr(clusternames, "_ENOUGH", 3)
    assert len(ask(capsys, "top", "pods", "--kubeconfig", live, "-n", "shop", "")[0]) == 4


@pytest.mark.parametrize("mode", ["Always", "IfAvailable", "Never"])
def test_exec_plugin_is_kept_quiet(
    capfd: pytest.CaptureFixture[str], tmp_path: pathlib.Path, mode: str
) -> None:
    """An exec plugin is not let near the terminal, and its complaints are swallowed."""
    plugin = tmp_path / "plugin"
    plugin.write_text("#!/bin/sh\necho Password: >&2\nread answer && touch asked\nexit 1\n")
    plugin.chmod(0o755)
    entry = {
        "apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "interactiveMode": mode,
    }  # fmt: skip
    path = write_kubeconfig(tmp_path, exec=entry)
    assert ask(capfd, "top", "nodes", "--kubeconfig", path, "") == ([], ":4")


def test_exec_plugin_that_hangs(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    """An exec plugin that hangs is ended when the time is up."""
    monkeypatch.setattr(clusternames, "PATIENCE", 0.4)
    plugin = tmp_path / "plugin"
    plugin.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 60\n")
    plugin.chmod(0o755)
    entry = {
        "apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "interactiveMode": "Never",
    }  # fmt: skip
    started = time.monotonic()
    found = ask(capfd, "top", "nodes", "--kubeconfig", write_kubeconfig(tmp_path, exec=entry), "")
    assert found == ([], ":4")
    assert time.monotonic() - started < 1.5
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_call_that_nothing_interrupts() -> None:
    """Where no signal gets through, as within a slow resolver, the process ends all the same."""
    program = """
import signal, time
from kubevitals import cli
from kubevitals.cli.completion import clusternames

def hang(*_):
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    time.sleep(60)

clusternames.PATIENCE, clusternames._GRACE, clusternames.Names._list = 0.1, 0.1, hang
cli.main(["__complete", "top", "nodes", "--server", "https://127.0.0.1:1", ""])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=20, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")


def test_a_failure_is_silent(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a failure of our own does not spoil the prompt."""

    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(completer, "_complete", fail)
    assert ask(capsys, "top", "") == ([], ":4")


def test_starts_light() -> None:
    """Completing words that need no cluster imports none of the heavy modules that argparse does not."""
    program = (
        "import argparse, sys; argparse.ArgumentParser().add_argument('--needed'); needed = set(sys.modules);"
        "from kubevitals import cli; cli.main(['__complete', 'top', 'nodes', '--s']);"
        "heavy = {'asyncio', 'dataclasses', 'http.client', 'yaml', 'msgspec', 'subprocess', 'cryptography'};"
        "assert not heavy & set(sys.modules) - needed, heavy & set(sys.modules) - needed"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, timeout=20)


def test_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    """A script a shell is printed, and none of them evaluates text."""
    for shell in ("bash", "zsh", "fish"):
        assert cli.main(["completion", shell]) == 0
        assert capsys.readouterr().out == completion.SCRIPTS[shell]
        assert "eval " not in completion.SCRIPTS[shell]


# Real shells, each in a directory of its own where a hostile name would leave the file PWNED.


@pytest.fixture
def home(tmp_path: pathlib.Path) -> pathlib.Path:
    """A directory with our command in bin/ and a kubeconfig of hostile contexts."""
    (tmp_path / "bin").mkdir()
    write_kubeconfig(tmp_path)
    for name, call in (
        ("kubevitals", "from kubevitals.__main__ import main"),
        ("kubectl-vitals", "from kubevitals.__main__ import main"),
        ("kubectl_complete-vitals", "from kubevitals.cli.completion.completer import main"),
    ):
        path = tmp_path / "bin" / name
        path.write_text(f"#!{sys.executable}\nimport sys\n{call}\nsys.exit(main())\n")
        path.chmod(0o755)
    for shell, script in completion.SCRIPTS.items():
        (tmp_path / f"script.{shell}").write_text(script)
    return tmp_path


def environ(home: pathlib.Path) -> dict[str, str]:
    return {
        "PATH": f"{home}/bin{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "KUBECONFIG": str(home / "config"),
        "TERM": "dumb",
        "LC_ALL": "C.UTF-8",
    }


def run_shell(home: pathlib.Path, *command: str) -> str:
    done = subprocess.run(
        command, cwd=home, env=environ(home), capture_output=True, timeout=30, check=False, text=True
    )
    assert done.stderr == ""
    assert not (home / "PWNED").exists()
    return done.stdout


def complete_in_bash(home: pathlib.Path, *words: str) -> list[str]:
    """What bash's function puts into COMPREPLY; the words as bash splits them, the last one being typed."""
    script = """
        source script.bash
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _kubevitals
        printf '%s\\0' "${COMPREPLY[@]}"
    """
    assert BASH is not None
    return run_shell(home, BASH, "--norc", "-c", script, "bash", *words).split("\0")[:-1]


@pytest.mark.skipif(BASH is None, reason="no bash here")
def test_bash(home: pathlib.Path) -> None:
    """Bash's function fills COMPREPLY with words quoted as they must stand in the line."""
    assert complete_in_bash(home, "kubevitals", "top", "no") == ["nodes"]
    assert complete_in_bash(home, "kubevitals", "top", "--context", "my") == ["my\\ prod"]
    assert complete_in_bash(home, "kubevitals", "top", "--context", "'my") == ["my prod"]
    (evil,) = complete_in_bash(home, "kubevitals", "top", "--context", "evil")
    assert evil.startswith("evil\\$\\(touch\\ PWNED\\)\\`touch")


@pytest.mark.skipif(BASH is None, reason="no bash here")
def test_bash_round_trip(home: pathlib.Path) -> None:
    """What is inserted names the context itself when the line is run."""
    (evil,) = complete_in_bash(home, "kubevitals", "top", "--context", "evil")
    assert run_shell(home, str(BASH), "--norc", "-c", f"printf %s {evil}") == EVIL


@pytest.mark.skipif(BASH is None, reason="no bash here")
def test_bash_hides_secrets(home: pathlib.Path) -> None:
    """What is typed reaches the program by its standard input, not where the process list shows it."""
    (home / "bin" / "kubevitals").write_text('#!/bin/sh\necho "$@" > arguments\ncat > input\necho :4\n')
    complete_in_bash(home, "kubevitals", "top", "--token", "s3cr3t", "nodes", "")
    assert (home / "arguments").read_text() == "__complete\n"
    assert "s3cr3t" in (home / "input").read_text()


CHECKS = {
    "bash": ["--norc", "-ic", "source ~/.bashrc; complete -p kubevitals"],
    "zsh": ["-ic", "print ${_comps[kubevitals]}"],
    "fish": ["-c", "complete -C 'kubevitals overv'"],
}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize("kind", ["now", "always"])
def test_recipes(home: pathlib.Path, shell: str, kind: str) -> None:
    """The lines of the help for a shell make it complete kubevitals in a home with no file of a shell."""
    path = {"bash": BASH, "zsh": ZSH, "fish": FISH}[shell]
    if path is None:
        pytest.skip(f"no {shell} here")
    lines = read_recipe(shell, kind)
    options = CHECKS[shell]
    if kind == "now":
        options = [*options[:-1], f"{lines}; {options[-1].removeprefix('source ~/.bashrc; ')}"]
    else:
        run_shell(home, path, "-c", lines)
    done = subprocess.run(
        [path, *options], cwd=home, env=environ(home), capture_output=True, text=True, timeout=20, check=False
    )
    assert ("overview" if shell == "fish" else "_kubevitals") in done.stdout, done.stderr


def read_recipe(shell: str, kind: str) -> str:
    """The lines of the help text for this shell: those of one session, or those for good."""
    found: list[str] = []
    for_shell = for_kind = ""
    for line in completion.EPILOG.split("\n\n")[0].splitlines():
        for_shell = line[:6].strip().rstrip(":") or for_shell
        for_kind = line[6:27].strip() or for_kind
        if (for_shell, for_kind) == (shell, kind):
            found.append(line[27:])
    return "\n".join(found)


INTERACTIVE = [
    ("kubevitals ov", "overview "),
    ("kubevitals top --context my", "my\\ prod "),
    ("kubevitals top --context 'my", "my prod' "),
    ("kubevitals top --context arn:aws:eks:eu:1:cl", "arn:aws:eks:eu:1:cluster/shop "),
    ("kubevitals top pods --sort-by=cpu:d", "cpu:desc "),
    ("kubevitals top --kubeconfig conf", "config "),
]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_interactive(home: pathlib.Path, shell: str) -> None:
    """In a shell on a terminal, TAB puts the right words into the line, and runs none of them."""
    path = {"bash": BASH, "zsh": ZSH}[shell]
    if path is None:
        pytest.skip(f"no {shell} here")
    options = {"bash": ["--norc", "--noprofile", "-i"], "zsh": ["-f", "-i"]}[shell]
    setup = {
        "bash": "bind 'set enable-bracketed-paste off'; ",
        "zsh": "unset zle_bracketed_paste; autoload -Uz compinit && compinit -u -D; ",
    }[shell]
    with terminals.Terminal([path, *options], environ=environ(home), folder=home) as terminal:
        terminal.type(f"PS1=; {setup}source ./script.{shell}; echo ready''-now\n")
        terminal.wait_for("ready-now\r\n")
        for typed, expected in [*INTERACTIVE, ("kubevitals top --context evil", '"x\\" ')]:
            terminal.type(typed + "\t")
            tail = expected[len(_common(typed, expected)) :]
            terminal.wait_for(tail)
            terminal.type("\x15")
        assert not (home / "PWNED").exists()


def _common(typed: str, expected: str) -> str:
    """The part of `expected` that is already typed."""
    return next(expected[:size] for size in range(len(expected), -1, -1) if typed.endswith(expected[:size]))


@pytest.mark.skipif(FISH is None, reason="no fish here")
def test_fish(home: pathlib.Path) -> None:
    """Fish is offered words with descriptions, and takes hostile ones as text."""
    assert FISH is not None

    def offered(line: str) -> list[str]:
        return run_shell(
            home, FISH, "--no-config", "-c", "source script.fish; complete -C $argv[1]", line
        ).splitlines()

    assert offered("kubevitals ov") == [
        "overview\tshow nodes, the busiest pods and what is wrong, on one screen"
    ]
    assert offered("kubevitals top --context my") == ["my prod"]
    assert offered("kubevitals top --context=my") == ["--context=my prod"]
    assert offered("kubevitals top --context 'my p") == ["my prod"]
    assert offered("kubevitals top --context evil") == [EVIL]
    assert offered("kubevitals top --kubeconfig=conf") == ["--kubeconfig=config"]


@pytest.mark.kubectl
@pytest.mark.skipif(KUBECTL is None, reason="no kubectl here")
def test_kubectl(home: pathlib.Path) -> None:
    """Kubectl completes its plugin by kubectl_complete-vitals, from version 1.26 on."""
    assert KUBECTL is not None
    command = [KUBECTL, "__complete", "vitals", "top", "--context=my"]
    done = subprocess.run(
        command, env=environ(home), capture_output=True, timeout=30, check=False, text=True, cwd=home
    )
    if "kubectl_complete" not in done.stderr:
        pytest.skip("this kubectl completes no plugins")
    assert done.stdout == "my prod\n:4\n"
