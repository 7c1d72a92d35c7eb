"""`kubevitals simulate`, as a process and in pieces."""

from __future__ import annotations

import argparse
import base64
import contextlib
import pathlib
import signal
import socket
import ssl
import stat
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING

import pytest
import yaml

import kubevitals
from kubevitals import errors
from kubevitals.cli.commands import simulate
from simcluster import faults

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = """
import argparse, sys
from kubevitals import errors
from kubevitals.cli.commands import simulate
parser = argparse.ArgumentParser(prog="kubevitals simulate")
simulate.add_arguments(parser)
try:
    sys.exit(simulate.run(parser.parse_args()))
except errors.KubevitalsError as error:
    sys.exit(f"{error} | {error.remedy}")
"""


@contextlib.contextmanager
def running(*arguments: str, before: str = "") -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", before + PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="kubevitals simulate")
    simulate.add_arguments(parser)
    return parser.parse_args(arguments)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_until_told_to_stop(tmp_path: pathlib.Path, number: signal.Signals) -> None:
    """It prints one line when ready, writes a private kubeconfig that works, and a signal ends it with 0."""
    target = tmp_path / "sim.yaml"
    with running("--nodes", "2", "--pods", "9", "--write-kubeconfig", str(target)) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert f"use it with KUBECONFIG={target}" in line
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
        config = yaml.safe_load(target.read_text())
        server = config["clusters"][0]["cluster"]["server"]
        assert server in line
        token = next(user["user"]["token"] for user in config["users"] if user["name"] == "simulated-admin")
        assert token not in line
        authority = base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]).decode()
        request = urllib.request.Request(
            f"{server}/api/v1/nodes", headers={"Authorization": f"Bearer {token}"}
        )
        with urllib.request.urlopen(request, context=ssl.create_default_context(cadata=authority)) as answer:
            assert answer.read().count(b'"machineID"') == 2
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
        assert (process.returncode, out, err) == (0, "", "")


def test_kubeconfig_to_stdout() -> None:
    """With - the kubeconfig is what stdout gets, and the line goes to stderr."""
    with running("--nodes", "1", "--pods", "1", "--no-tls", "--write-kubeconfig", "-") as process:
        assert process.stderr is not None
        assert "simulated cluster ready at http://127.0.0.1:" in process.stderr.readline()
        process.terminate()
        out, _ = process.communicate(timeout=10)
        assert yaml.safe_load(out)["current-context"] == "simulated"


def test_plain_http(tmp_path: pathlib.Path) -> None:
    """Over plain HTTP the kubeconfig works without credentials, which clients do not send there."""
    target = tmp_path / "sim.yaml"
    with running("--nodes", "2", "--pods", "9", "--no-tls", "--write-kubeconfig", str(target)) as process:
        assert process.stdout is not None
        assert "simulated cluster ready at http://127.0.0.1:" in process.stdout.readline()
        assert "token" not in target.read_text()
        with kubevitals.connect(kubeconfig=str(target)) as cluster:
            assert cluster.config.warnings == ()
            assert len(cluster.nodes()) == 2
        with (
            kubevitals.connect("simulated-metrics-reader", kubeconfig=str(target)) as cluster,
            pytest.raises(errors.ForbiddenError, match="metrics-reader may not list nodes"),
        ):
            cluster.client.fetch("/api/v1/nodes")
        process.terminate()
        _, err = process.communicate(timeout=10)
        assert (process.returncode, err) == (0, "")


def test_without_certificates(tmp_path: pathlib.Path) -> None:
    """Without the package that makes certificates it serves plain HTTP, and says so in one line."""
    target = tmp_path / "sim.yaml"
    words = ("--nodes", "1", "--pods", "1", "--write-kubeconfig", str(target))
    with running(*words, before="import sys; sys.modules['cryptography'] = None") as process:
        assert process.stdout is not None
        assert "simulated cluster ready at http://127.0.0.1:" in process.stdout.readline()
        with kubevitals.connect(kubeconfig=str(target)) as cluster:
            assert len(cluster.nodes()) == 1
        process.terminate()
        _, err = process.communicate(timeout=10)
    assert err == "note: served over plain HTTP; TLS needs an extra: pip install 'kubevitals[simulate]'\n"


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--kubelets"], "the kubelets' own HTTPS"),
        (["--kubelets", "--no-tls"], "the kubelets' own HTTPS"),
        (["--fault", "expired-certificate"], "the fault expired-certificate"),
        (["--fault", "kubelet-self-signed=20%"], "the fault kubelet-self-signed"),
    ],
)
def test_what_needs_certificates(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], what: str
) -> None:
    """What cannot do without certificates names the extra that makes them."""
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(errors.ConfigurationError) as caught:
        simulate.run(parse("--nodes", "1", "--pods", "1", *arguments))
    assert str(caught.value).startswith(f"{what} needs certificates")
    assert "pip install 'kubevitals[simulate]'" in (caught.value.remedy or "")
    assert capsys.readouterr().err == ""


def test_without_kubeconfig() -> None:
    """Without a file it writes one of its own, names it in the line, and takes it away at the end."""
    with running("--nodes", "1", "--pods", "1") as process:
        assert process.stdout is not None
        written = pathlib.Path(process.stdout.readline().rstrip().partition("KUBECONFIG=")[2])
        assert yaml.safe_load(written.read_text())["current-context"] == "simulated"
        assert stat.S_IMODE(written.stat().st_mode) == 0o600
        process.terminate()
        process.wait(timeout=10)
        assert not written.parent.exists()


def test_list_faults(capsys: pytest.CaptureFixture[str]) -> None:
    """Every fault is listed with its value and what it does."""
    assert simulate.run(parse("--list-faults")) == 0
    shown = capsys.readouterr().out
    for name in faults.FAULTS:
        assert f"\n{name}" in f"\n{shown}"
    assert "slow[=DURATION]" in shown


def test_somebody_elses_kubeconfig_is_kept(tmp_path: pathlib.Path) -> None:
    """A file that it did not write is not overwritten."""
    target = tmp_path / "config"
    target.write_text("apiVersion: v1\n")
    with pytest.raises(errors.ConfigurationError) as caught:
        simulate.run(parse("--write-kubeconfig", str(target)))
    assert "was not written by kubevitals simulate" in str(caught.value)
    assert target.read_text() == "apiVersion: v1\n"


def test_unwritable_file(tmp_path: pathlib.Path) -> None:
    """A file that cannot be written is an error with a remedy, and nothing keeps running."""
    target = tmp_path / "missing" / "config"
    with pytest.raises(errors.ConfigurationError) as caught:
        simulate.run(parse("--nodes", "1", "--pods", "1", "--no-tls", "--write-kubeconfig", str(target)))
    assert str(caught.value) == f"the kubeconfig cannot be written to {target}: No such file or directory"
    assert caught.value.remedy


def test_own_kubeconfig_is_overwritten(tmp_path: pathlib.Path) -> None:
    """A kubeconfig of an earlier run is replaced, and what follows it is removed."""
    target = tmp_path / "config"
    target.write_text(simulate._MARK + "a" * 100_000)
    with running("--nodes", "1", "--pods", "1", "--no-tls", "--write-kubeconfig", str(target)) as process:
        assert process.stdout is not None
        process.stdout.readline()
        written = target.read_text()
        assert written.startswith(simulate._MARK)
        assert yaml.safe_load(written)["clusters"]
        process.terminate()
        process.communicate(timeout=10)
    assert [each.name for each in tmp_path.iterdir()] == ["config"]


def test_unknown_fault() -> None:
    """A fault that is none is refused with the closest name."""
    with pytest.raises(errors.UsageError) as caught:
        simulate.run(parse("--fault", "metric-absent"))
    assert (caught.value.remedy or "").startswith("did you mean metrics-absent?")


def test_port_taken() -> None:
    """A port that is taken is an error of the configuration, with a remedy."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(errors.ConfigurationError) as caught:
        simulate.run(parse("--nodes", "1", "--pods", "1", "--port", str(taken.getsockname()[1])))
    assert "Address already in use" in str(caught.value)
    assert "--port" in (caught.value.remedy or "")


@pytest.mark.parametrize(
    "arguments",
    [["--nodes", "0"], ["--pods", "-1"], ["--port", "70000"], ["--nodes", "x"], ["--metrics-api", "v2"]],
)
def test_wrong_numbers(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers out of range end with 2 and say what is possible."""
    with pytest.raises(SystemExit) as caught:
        parse(*arguments)
    assert caught.value.code == 2
    assert arguments[1] in capsys.readouterr().err


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    """The help shows examples and how to switch faults."""
    with pytest.raises(SystemExit):
        parse("--help")
    shown = capsys.readouterr().out
    assert "KUBECONFIG=sim.yaml kubevitals top pods -A" in shown
    assert "/simulation/faults" in shown
