from __future__ import annotations

import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from tests import servers

from kubevitals import errors
from kubevitals.kube.auth import credentials_exec, execplugin, kubeconfig, kubeconfig_file
from kubevitals.kube.http import authentication

V1 = "client.authentication.k8s.io/v1"
V1BETA1 = "client.authentication.k8s.io/v1beta1"
PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"
SECRET = "s3cr3t-Value-0123456789"
ENVIRON = {"PATH": os.environ["PATH"]}


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def answer(version: str = V1, **status: Any) -> str:
    return json.dumps({"kind": "ExecCredential", "apiVersion": version, "status": status})


def put_plugin(folder: pathlib.Path, script: str, name: str = "plugin") -> str:
    """A plugin as a shell script; it counts its runs in the file `runs` beside it."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho run >> {folder}/runs\n{script}\n")
    path.chmod(0o755)
    return str(path)


def runs(folder: pathlib.Path) -> int:
    return len((folder / "runs").read_text().splitlines()) if (folder / "runs").exists() else 0


def describe(command: str, /, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": V1, "interactiveMode": "Never", "command": command, **fields}


def parse(command: str, /, path: str = "/x/config", **fields: Any) -> execplugin.Plugin:
    body = {"exec": describe(command, **fields)}
    return execplugin.parse_plugin(kubeconfig_file.Entry("user", "jane", body=body, path=path))


def open_it(
    command: str, /, *, clock: Clock | None = None, **fields: Any
) -> credentials_exec.ExecCredentials:
    plugin = parse(command, **fields)
    return credentials_exec.ExecCredentials(
        plugin, environ=ENVIRON, clock=clock or Clock(), interactive=False
    )


@pytest.mark.parametrize("version", [V1, V1BETA1])
def test_token(tmp_path: pathlib.Path, version: str) -> None:
    """A plugin's token is sent, and without an expiry the plugin runs once."""
    made = open_it(put_plugin(tmp_path, f"echo '{answer(version, token='abc')}'"), apiVersion=version)
    credential = made.fetch()
    assert credential == authentication.Credential("Bearer abc")
    assert made.fetch() is credential
    assert runs(tmp_path) == 1


def test_certificate(tmp_path: pathlib.Path) -> None:
    """A plugin's certificate and key are used, with a token beside them or without."""
    (tmp_path / "out").write_text(answer(clientCertificateData=PEM, clientKeyData=KEY))
    credential = open_it(put_plugin(tmp_path, f"cat {tmp_path}/out")).fetch()
    assert credential == authentication.Credential(certificate=PEM.encode(), key=KEY.encode())


def test_expiry(tmp_path: pathlib.Path) -> None:
    """The plugin runs again when its credential has expired, and not before."""
    clock = Clock()
    out = answer(token="abc", expirationTimestamp="2023-11-14T23:13:20+01:00")  # the clock's start
    made = open_it(put_plugin(tmp_path, f"echo '{out}'"), clock=clock)
    first = made.fetch()
    assert made.fetch() is first
    assert runs(tmp_path) == 1
    clock.now += 1
    assert made.fetch() is first  # the same credential stays the same object
    assert runs(tmp_path) == 2


def test_renewal(tmp_path: pathlib.Path) -> None:
    """After a 401 the plugin runs anew."""
    counting = f"echo '{answer(token='abc')}' | sed s/abc/abc$(wc -l < {tmp_path}/runs)/"
    made = open_it(put_plugin(tmp_path, counting))
    assert made.fetch().authorization == "Bearer abc1"
    assert made.renew()
    assert made.fetch().authorization == "Bearer abc2"


def test_threads_share_one_run(tmp_path: pathlib.Path) -> None:
    """Many threads refused at the same time run the plugin once more, not once each."""
    made = open_it(put_plugin(tmp_path, f"sleep 0.05; echo '{answer(token='abc')}'"))
    barrier = threading.Barrier(6)

    def ask() -> None:
        made.fetch()
        barrier.wait(10)
        made.renew()
        made.fetch()

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert runs(tmp_path) == 2


def test_arguments_and_environment(tmp_path: pathlib.Path) -> None:
    """The plugin gets its arguments, the environment with its own variables, and what it is asked."""
    script = (
        f'echo "$#|$1|$2|$MINE|$PATH" > {tmp_path}/seen; echo "$KUBERNETES_EXEC_INFO" > {tmp_path}/info\n'
    )
    command = put_plugin(tmp_path, script + f"echo '{answer(token='abc')}'")
    open_it(command, args=["--a b", "$c"], env=[{"name": "MINE", "value": "x y"}]).fetch()
    assert (tmp_path / "seen").read_text() == f"2|--a b|$c|x y|{ENVIRON['PATH']}\n"
    info = json.loads((tmp_path / "info").read_text())
    assert info == {"kind": "ExecCredential", "apiVersion": V1, "spec": {"interactive": False}}


def test_cluster_info(tmp_path: pathlib.Path) -> None:
    """With provideClusterInfo the plugin is told the cluster, with the config of its extension."""
    command = put_plugin(
        tmp_path, f"echo \"$KUBERNETES_EXEC_INFO\" > {tmp_path}/info; echo '{answer(token='abc')}'"
    )
    (tmp_path / "ca.crt").write_text(PEM)
    extension = {
        "name": "client.authentication.k8s.io/exec",
        "extension": {"audience": "06e3", "n": [1, None]},
    }
    cluster = {
        "server": "https://a.test:6443",
        "certificate-authority": "ca.crt",
        "tls-server-name": "b.test",
        "proxy-url": "http://proxy:1",
        "disable-compression": True,
        "extensions": [{"name": "other", "extension": {"x": "y"}}, extension],
    }
    config = {
        "current-context": "a",
        "clusters": [{"name": "a", "cluster": cluster}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "users": [{"name": "a", "user": {"exec": describe(command, provideClusterInfo=True)}}],
    }
    (tmp_path / "config").write_text(json.dumps(config))
    made = kubeconfig.open_config(
        kubeconfig.Options(kubeconfig=str(tmp_path / "config")), environ=ENVIRON, interactive=False
    )
    assert made.credentials.fetch().authorization == "Bearer abc"
    assert json.loads((tmp_path / "info").read_text())["spec"]["cluster"] == {
        "server": "https://a.test:6443",
        "tls-server-name": "b.test",
        "certificate-authority-data": base64.b64encode(PEM.encode()).decode(),
        "proxy-url": "http://proxy:1",
        "disable-compression": True,
        "config": {"audience": "06e3", "n": [1, None]},
    }


def test_relative_command(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command with a slash is relative to its kubeconfig's folder; one without is looked up in PATH."""
    monkeypatch.chdir("/")
    (tmp_path / "bin").mkdir()
    put_plugin(tmp_path / "bin", f"echo '{answer(token='abc')}'")
    plugin = parse("./bin/plugin", path=str(tmp_path / "config"))
    assert credentials_exec.ExecCredentials(plugin, environ={}).fetch().authorization == "Bearer abc"
    found = credentials_exec.ExecCredentials(
        parse("plugin"), environ={"PATH": f"/none:{tmp_path}/bin:/bin:/usr/bin"}
    )
    assert found.fetch().authorization == "Bearer abc"
    with pytest.raises(errors.CredentialsError, match=r"exec plugin plugin of .* is not in PATH"):
        credentials_exec.ExecCredentials(parse("plugin"), environ={"PATH": "/none"}).fetch()


def test_missing_plugin(tmp_path: pathlib.Path) -> None:
    """A plugin that is not installed gives its install hint, without its control characters."""
    with pytest.raises(errors.CredentialsError, match="does not exist") as caught:
        open_it(str(tmp_path / "none"), installHint="Run\n  \x1b[1mmake install").fetch()
    assert caught.value.remedy == "Run make install"
    with pytest.raises(errors.CredentialsError) as caught:
        open_it(str(tmp_path / "none")).fetch()
    assert "Install the plugin" in str(caught.value.remedy)


def test_plugin_that_cannot_start(tmp_path: pathlib.Path) -> None:
    """A plugin that is no program, or has impossible arguments, is an error with the system's reason."""
    path = tmp_path / "junk"
    path.write_bytes(b"\x00\x01\x02")
    path.chmod(0o755)
    with pytest.raises(errors.CredentialsError, match="cannot be started: Exec format error"):
        open_it(str(path)).fetch()
    with pytest.raises(errors.CredentialsError, match="cannot be started: its arguments"):
        open_it("/bin/sh", args=["a\0b"]).fetch()


def test_failing_plugin(tmp_path: pathlib.Path) -> None:
    """A failing plugin's exit code and last complaint are told, and never what it printed for us."""
    script = f"echo {SECRET}; echo first >&2; echo 'token has \x1b[31mexpired, log in' >&2; echo >&2; exit 3"
    with pytest.raises(errors.CredentialsError) as caught:
        open_it(put_plugin(tmp_path, script)).fetch()
    assert caught.value.message == (
        f'exec plugin {tmp_path}/plugin of user "jane" in /x/config failed with exit code 3: '
        "token has expired, log in"
    )
    assert "log in again" in str(caught.value.remedy)


@pytest.mark.parametrize(
    "complaint",
    [
        f"Authorization: Bearer {SECRET}",
        f"invalid token={SECRET}",
        f'{{"access_token": "{SECRET}"}}',
        f"client_secret: {SECRET} is wrong",
        f"eyJ{SECRET}.{SECRET}.{SECRET}",
        "x" * 20 + SECRET,
        f"variable {SECRET}",
        f"argument arg-{SECRET}",
    ],
)
def test_complaints_are_scrubbed(complaint: str) -> None:
    """A plugin's complaint loses whatever looks like a secret, and the secrets that it was given."""
    plugin = parse(
        "p", env=[{"name": "MY_TOKEN", "value": SECRET}], args=["--client-secret=arg-" + SECRET, "get-token"]
    )
    assert SECRET not in execplugin.clean_complaint(complaint, plugin)
    assert "[hidden]" in execplugin.clean_complaint(complaint, plugin)


def test_complaints_are_shortened(tmp_path: pathlib.Path) -> None:
    """A flood of complaints becomes a short message."""
    with pytest.raises(errors.CredentialsError) as caught:
        open_it(put_plugin(tmp_path, "yes 'a b c d ' | tr -d '\\n' | head -c 300000 >&2; exit 1")).fetch()
    assert len(caught.value.message) < 400 + len(str(tmp_path))


def test_killed_plugin(tmp_path: pathlib.Path) -> None:
    """A plugin that died of a signal says which."""
    with pytest.raises(errors.CredentialsError, match="failed with signal 9"):
        open_it(put_plugin(tmp_path, "kill -9 $$")).fetch()


def test_hanging_plugin(tmp_path: pathlib.Path) -> None:
    """A plugin that hangs is ended after the time-out, with the children it started."""
    command = put_plugin(tmp_path, f"sleep 600 & echo $! > {tmp_path}/child; echo {SECRET}; wait")
    made = credentials_exec.ExecCredentials(parse(command), environ=ENVIRON, interactive=False, timeout=0.4)
    start = time.monotonic()
    with pytest.raises(errors.CredentialsError, match=r"gave no answer in 0\.4 s") as caught:
        made.fetch()
    assert time.monotonic() - start < 5
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    child = int((tmp_path / "child").read_text())
    for _ in range(100):
        state = pathlib.Path(f"/proc/{child}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            break
        time.sleep(0.02)
    else:
        pytest.fail("the child of the plugin still runs")


def test_nothing_to_read(tmp_path: pathlib.Path) -> None:
    """A plugin that is not interactive has an empty standard input."""
    command = put_plugin(tmp_path, f"read line && exit 9; echo '{answer(token='abc')}'")
    assert open_it(command).fetch().authorization == "Bearer abc"


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("", "is empty"),
        (SECRET, "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        (f'"{SECRET}"', "is not an ExecCredential"),
        (
            json.dumps({"kind": "Pod", "apiVersion": V1, "status": {"token": SECRET}}),
            "is not an ExecCredential",
        ),
        (answer(V1BETA1, token=SECRET), "is of client.authentication.k8s.io/v1beta1, while"),
        (json.dumps({"kind": "ExecCredential", "apiVersion": V1}), "has no status"),
        (answer(), "has neither a token nor a certificate"),
        (answer(token=""), "has neither a token nor a certificate"),
        (answer(token=7), "something else than text"),
        (answer(clientCertificateData=PEM), "has only one of certificate and key"),
        (answer(clientKeyData=SECRET, token=SECRET), "has only one of certificate and key"),
        (answer(token=f"{SECRET}\nX: y"), "cannot be sent"),
        (answer(token=SECRET, expirationTimestamp="soon"), "no RFC 3339 time"),
        (answer(token=SECRET, expirationTimestamp=7), "no RFC 3339 time"),
    ],
    ids=range(15),
)
def test_wrong_answers(output: str, words: str) -> None:
    """A wrong answer says what is wrong with it, and nothing of its content."""
    with pytest.raises(errors.CredentialsError, match=words) as caught:
        execplugin.parse_answer(output.encode(), parse("p"))
    assert SECRET not in caught.value.message
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2023-11-14T22:13:20Z", 1_700_000_000.0),
        ("2023-11-14T22:13:20.123456789Z", 1_700_000_000.123456),
        ("2023-11-14T22:13:20-01:00", 1_700_003_600.0),
        ("2023-11-14T22:13:20", 1_700_000_000.0),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00.000Z", None),
        ("0001-01-01T01:00:00+01:00", None),
        (None, None),
    ],
)
def test_expiry_times(text: str | None, seconds: float | None) -> None:
    """Expiry times are RFC 3339 of any precision and zone."""
    _, expires = execplugin.parse_answer(answer(token="a", expirationTimestamp=text).encode(), parse("p"))
    assert expires == seconds


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"apiVersion": "client.authentication.k8s.io/v1alpha1"},
            "is v1alpha1, which Kubernetes 1.24 removed",
        ),
        (
            {"apiVersion": "client.authentication.k8s.io/v2"},
            'apiVersion of exec of user "jane" .* is "client',
        ),
        ({"apiVersion": None}, "apiVersion of .* is missing"),
        ({"command": ""}, "command of .* is missing"),
        ({"interactiveMode": None}, "interactiveMode of .* is missing"),
        ({"interactiveMode": "Sometimes"}, 'interactiveMode of .* is "Sometimes"'),
        ({"args": "--x"}, "args of .* is not a list of texts"),
        ({"args": [1]}, "args of .* is not a list of texts"),
        ({"env": {"A": "b"}}, "env of .* is not a list of mappings"),
        ({"env": [{"value": SECRET}]}, "name of env of .* is missing"),
        ({"env": [{"name": "A=B", "value": SECRET}]}, "cannot name a variable"),
        ({"env": [{"name": "A", "value": 7}]}, "value of env of .* is a number"),
        ({"provideClusterInfo": "yes"}, "provideClusterInfo of .* is a text"),
    ],
)
def test_wrong_descriptions(fields: dict[str, Any], words: str) -> None:
    """A plugin's description that cannot be followed is refused before anything runs."""
    with pytest.raises(errors.ConfigurationError, match=words) as caught:
        parse("plugin", **fields)
    assert "/x/config" in caught.value.message
    assert SECRET not in caught.value.message


def test_interactive_mode_defaults() -> None:
    """v1beta1 may leave interactiveMode out: then it is IfAvailable."""
    assert parse("p", apiVersion=V1BETA1, interactiveMode=None).mode == "IfAvailable"


@pytest.mark.parametrize("allowed", [True, False])
def test_always_without_a_terminal(allowed: bool) -> None:
    """A plugin that must ask on a terminal is not run where there is none, or where none is to be used."""
    made = credentials_exec.ExecCredentials(
        parse("/bin/false", interactiveMode="Always"),
        environ={},
        interactive=allowed,
        is_terminal=lambda: not allowed,
    )
    with pytest.raises(errors.CredentialsError, match="needs a terminal"):
        made.fetch()


ON_A_TERMINAL = """\
import os, sys
from kubevitals.kube.auth import kubeconfig
made = kubeconfig.open_config(kubeconfig.Options(kubeconfig=sys.argv[1]), environ=os.environ)
print(made.credentials.fetch().authorization)
"""


@pytest.mark.parametrize("mode", ["Always", "IfAvailable"])
def test_on_a_terminal(tmp_path: pathlib.Path, mode: str) -> None:
    """On a terminal the plugin reads what is typed, its questions are shown, and it is told so."""
    command = put_plugin(
        tmp_path,
        f"echo \"$KUBERNETES_EXEC_INFO\" > {tmp_path}/info; printf 'your code? ' >&2; read code\n"
        f"echo '{answer(token='CODE')}' | sed s/CODE/$code/",
    )
    config = {
        "current-context": "a",
        "clusters": [{"name": "a", "cluster": {"server": "https://a.test"}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "users": [{"name": "a", "user": {"exec": describe(command, interactiveMode=mode)}}],
    }
    (tmp_path / "config").write_text(json.dumps(config))
    ours, theirs = os.openpty()
    try:
        with subprocess.Popen(
            [sys.executable, "-c", ON_A_TERMINAL, str(tmp_path / "config")],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            os.write(ours, b"typed\n")
            output, complaints = process.communicate(timeout=20)
    finally:
        os.close(ours)
        os.close(theirs)
    assert output == b"Bearer typed\n"
    assert complaints == b"your code? "
    assert json.loads((tmp_path / "info").read_text())["spec"]["interactive"] is True


@pytest.mark.parametrize("mode", ["Never", "IfAvailable"])
def test_errors_are_shown_on_a_terminal(tmp_path: pathlib.Path, mode: str) -> None:
    """On a terminal the error output is the plugin's own whatever its mode, and a login has no time limit."""
    folded = tmp_path / "plugin"
    put_plugin(tmp_path, f"echo 'open https://login.test' >&2; echo '{answer(token='abc')}'")
    code = (
        "import os, sys\n"
        "from kubevitals.kube.auth import credentials_exec\n"
        "credentials_exec._TIMEOUT_SECONDS = 1e-9\n" + ON_A_TERMINAL
    )
    config = {
        "current-context": "a",
        "clusters": [{"name": "a", "cluster": {"server": "https://a.test"}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "users": [{"name": "a", "user": {"exec": describe(str(folded), interactiveMode=mode)}}],
    }
    (tmp_path / "config").write_text(json.dumps(config))
    ours, theirs = os.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "config")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=theirs,
            timeout=20,
            check=True,
        )
        shown = os.read(ours, 1000)
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.stdout == b"Bearer abc\n"
    assert shown == b"open https://login.test\r\n"


@pytest.mark.parametrize(
    "script", ["exit 1", "echo no", "kill -9 $$", f"echo '{answer(V1BETA1, token='x')}'"]
)
def test_a_failed_plugin_is_run_once(tmp_path: pathlib.Path, script: str) -> None:
    """A failure stands for all requests of a moment and is tried again later."""
    clock = Clock()
    made = open_it(put_plugin(tmp_path, script), clock=clock)
    messages = set()
    for _ in range(3):
        with pytest.raises(errors.CredentialsError) as caught:
            made.fetch()
        messages.add((caught.value.message, caught.value.remedy))
    assert runs(tmp_path) == 1
    assert len(messages) == 1
    clock.now += 11
    put_plugin(tmp_path, f"echo '{answer(token='abc')}'")
    assert made.fetch().authorization == "Bearer abc"


def test_repr_shows_no_secret() -> None:
    """A plugin's repr shows its command and neither arguments nor variables."""
    plugin = parse("p", args=[SECRET], env=[{"name": "A", "value": SECRET}])
    made = credentials_exec.ExecCredentials(plugin, environ={})
    assert SECRET not in repr(plugin) + repr(made)


@pytest.mark.kubectl
@pytest.mark.parametrize("version", [V1, V1BETA1])
def test_exec_info_as_kubectl(tmp_path: pathlib.Path, version: str) -> None:
    """kubectl, given the same kubeconfig, tells the plugin the same."""
    kubectl = os.environ.get("KUBECTL") or shutil.which("kubectl")
    if not kubectl:
        pytest.skip("no kubectl: neither the variable KUBECTL nor PATH names one")
    command = put_plugin(tmp_path, f'echo "$KUBERNETES_EXEC_INFO" >> {tmp_path}/info; exit 1')
    plugin = describe(command, apiVersion=version, provideClusterInfo=True)
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "06e3"}}
    cluster = {
        "server": "https://127.0.0.1:1/prefix/",
        "certificate-authority-data": base64.b64encode(servers.authority().pem).decode(),
        "tls-server-name": "b.test",
        "proxy-url": "http://127.0.0.1:1",
        "disable-compression": True,
        "extensions": [extension],
    }
    config = {
        "current-context": "a",
        "clusters": [{"name": "a", "cluster": cluster}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "users": [{"name": "a", "user": {"exec": plugin}}],
    }
    path = tmp_path / "config"
    path.write_text(json.dumps(config))
    arguments = [kubectl, f"--kubeconfig={path}", "--request-timeout=5s", "get", "--raw", "/version"]
    subprocess.run(arguments, capture_output=True, check=False, timeout=30, stdin=subprocess.DEVNULL)
    theirs = [json.loads(line) for line in (tmp_path / "info").read_text().splitlines() if line]
    (tmp_path / "info").unlink()
    made = kubeconfig.open_config(
        kubeconfig.Options(kubeconfig=str(path)), environ=ENVIRON, interactive=False
    )
    with pytest.raises(errors.CredentialsError):
        made.credentials.fetch()
    ours = json.loads((tmp_path / "info").read_text())
    theirs[0]["spec"]["cluster"]["server"] = theirs[0]["spec"]["cluster"]["server"].rstrip("/")
    assert ours == theirs[0]
