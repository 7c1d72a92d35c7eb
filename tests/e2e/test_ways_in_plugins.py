"""Ways in by an exec plugin: real scripts that mint real tokens and certificates, expire, fail, are missing.

kubectl on the same kubeconfig is the oracle: both get in as the same user, or both fail. Every run of a
plugin leaves a line in the file `runs`: what it was told in KUBERNETES_EXEC_INFO.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.e2e import product, toolchain, ways

from kubevitals import errors
from kubevitals.kube import client as kube_client
from kubevitals.kube.auth import kubeconfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e import controlplane

V1 = "client.authentication.k8s.io/v1"
V1BETA1 = "client.authentication.k8s.io/v1beta1"
SECRET = "hunter2-is-a-secret-of-the-plugin"

# What all begin with; then `answer STATUS`, where STATUS is JSON.
BEGIN = """#!/bin/sh
here={directory}
printf '%s\\n' "$KUBERNETES_EXEC_INFO" >> "$here/runs"
answer() {{
  version="${{VERSION:-client.authentication.k8s.io/v1}}"
  printf '{{"apiVersion":"%s","kind":"ExecCredential","status":%s}}' "$version" "$1"
}}
pem() {{
  awk '{{printf "%s\\\\n", $0}}' "$here/$1"
}}
mint() {{
  "{kubectl}" --kubeconfig "{administrator}" create token "way-${{ACCOUNT:-visitor}}" --duration 10m
}}
"""
SCRIPTS: dict[str, str] = {
    "mints": """answer '{"token":"'"$(mint)"'"}'""",
    "mints-for-a-while": """
time=$(date -u -d "+${SECONDS_LEFT:-600} seconds" +%FT%TZ)
answer '{"token":"'"$(mint)"'","expirationTimestamp":"'"$time"'"}'""",
    "certifies": """
answer '{"clientCertificateData":"'"$(pem ann.crt)"'","clientKeyData":"'"$(pem ann.key)"'"}'""",
    "certifies-without-key": """
answer '{"clientCertificateData":"'"$(pem ann.crt)"'"}'""",
    "mints-nonsense": """answer '{"token":"nobody-knows-this"}'""",
    "mints-nonsense-once": """
if mkdir "$here/was-here" 2>/dev/null; then answer '{"token":"nobody-knows-this"}'
else answer '{"token":"'"$(mint)"'"}'; fi""",
    "wants-arguments": """
[ "$1" = "for" ] && [ "$2" = "a friend" ] && [ $# = 2 ] && answer '{"token":"'"$(mint)"'"}'""",
    "fails": """echo "log in again: token=hunter2-is-a-secret-of-the-plugin" >&2; exit 3""",
    "fails-after-a-token": """answer '{"token":"'"$(mint)"'"}'; exit 1""",
    "is-killed": """kill -9 $$""",
    "says-nothing": "",
    "says-no-json": """echo 'token: "hunter2-is-a-secret-of-the-plugin"'""",
    "says-another-kind": """answer '{"token":"'"$(mint)"'"}' | sed s/ExecCredential/Secret/""",
    "says-no-status": """printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential"}'""",
    "says-an-empty-status": """answer '{}'""",
    "says-a-number-for-a-token": """answer '{"token":7}'""",
    "says-no-time": """answer '{"token":"'"$(mint)"'","expirationTimestamp":"tomorrow"}'""",
    "complains-and-mints": """echo "deprecated: hunter2-is-a-secret-of-the-plugin" >&2
answer '{"token":"'"$(mint)"'"}'""",
}


@pytest.fixture(scope="module")
def ground(
    cluster: controlplane.ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ways.Ground]:
    """Accounts to mint tokens for, and the scripts."""
    with ways.Ground(cluster, tmp_path_factory.mktemp("ways")) as made:
        begin = BEGIN.format(
            directory=made.directory,
            kubectl=toolchain.require("kubectl")["kubectl"],
            administrator=cluster.kubeconfig,
        )
        for name, script in SCRIPTS.items():
            made.write(f"plugins/{name}", begin + script, mode=0o700)
        made.write("plugins/may-not-run", begin + SCRIPTS["mints"], mode=0o600)
        made.write("plugins/no-such-interpreter", "#!/no/such/interpreter\n", mode=0o700)
        yield made


def _plugin(command: str, *, version: str = V1, mode: str | None = "Never", **more: Any) -> dict[str, Any]:
    """A user entry. The command is one of the scripts, by its path from the kubeconfig."""
    entry = {"apiVersion": version, "command": command, "env": [{"name": "VERSION", "value": version}]}
    if mode is not None:
        entry["interactiveMode"] = mode
    return {"exec": entry | more}


def _env(**variables: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in variables.items()]


PLUGINS: list[ways.Case] = [
    ("mints a token", _plugin("./plugins/mints"), True),
    ("mints a token that will expire", _plugin("./plugins/mints-for-a-while"), True),
    ("mints a token that expires at once",
     _plugin("./plugins/mints-for-a-while", env=_env(SECONDS_LEFT="-60")), True),
    ("mints by v1beta1", _plugin("./plugins/mints", version=V1BETA1), True),
    ("mints by v1beta1 without a mode", _plugin("./plugins/mints", version=V1BETA1, mode=None), True),
    ("mints by v1 without a mode", _plugin("./plugins/mints", mode=None), False),
    ("mints by v1alpha1", _plugin("./plugins/mints", version=V1.replace("v1", "v1alpha1")), False),
    ("mints without a version", _plugin("./plugins/mints", version=""), False),
    ("mints if a terminal is available", _plugin("./plugins/mints", mode="IfAvailable"), True),
    ("needs a terminal and there is none", _plugin("./plugins/mints", mode="Always"), False),
    ("has an unknown mode", _plugin("./plugins/mints", mode="Sometimes"), False),
    ("answers in another version than asked for",
     _plugin("./plugins/mints", version=V1BETA1, env=_env(VERSION=V1)), False),
    ("mints for the account of its env", _plugin("./plugins/mints", env=_env(ACCOUNT="second")), True),
    ("wants arguments", _plugin("./plugins/wants-arguments", args=["for", "a friend"]), True),
    ("wants arguments and has none", _plugin("./plugins/wants-arguments"), False),
    ("complains and mints", _plugin("./plugins/complains-and-mints"), True),
    ("gives a client certificate", _plugin("./plugins/certifies"), True),
    ("gives a client certificate without its key", _plugin("./plugins/certifies-without-key"), False),
    ("mints a token that nobody knows", _plugin("./plugins/mints-nonsense"), False),
    ("by an absolute path", _plugin("{directory}/plugins/mints"), True),
    ("by its name in PATH", _plugin("mints"), True),
    ("fails", _plugin("./plugins/fails"), False),
    ("fails after a token", _plugin("./plugins/fails-after-a-token"), False),
    ("is killed", _plugin("./plugins/is-killed"), False),
    ("is missing", _plugin("./plugins/no-such-plugin", installHint="Get it from its maker."), False),
    ("is missing in PATH", _plugin("no-such-plugin", installHint="Get it from its maker."), False),
    ("may not be run", _plugin("./plugins/may-not-run"), False),
    ("has no interpreter", _plugin("./plugins/no-such-interpreter"), False),
    ("has no command", _plugin(""), False),
    ("says nothing", _plugin("./plugins/says-nothing"), False),
    ("says no JSON", _plugin("./plugins/says-no-json"), False),
    ("says another kind", _plugin("./plugins/says-another-kind"), False),
    ("says no status", _plugin("./plugins/says-no-status"), False),
    ("says an empty status", _plugin("./plugins/says-an-empty-status"), False),
    ("says a number for a token", _plugin("./plugins/says-a-number-for-a-token"), False),
    ("says no time", _plugin("./plugins/says-no-time"), False),
    ("beside a token", _plugin("./plugins/fails") | ways.TOKEN, True),
    ("beside a token that nobody knows", _plugin("./plugins/mints") | {"token": "nobody-knows-this"}, False),
    ("beside a client certificate", _plugin("./plugins/fails") | ways.CERTIFICATE, True),
    ("and impersonation without the right to", _plugin("./plugins/mints") | {"as": "way-ann"}, False),
    ("beside an auth-provider", _plugin("./plugins/mints") | {"auth-provider": {"name": "oidc"}}, False),
]  # fmt: skip


def _runs(ground: ways.Ground) -> list[dict[str, Any]]:
    """What the plugins were told since this was asked last, one item a run."""
    path = ground.directory / "runs"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    path.write_text("", encoding="utf-8")
    return [json.loads(line) for line in lines if line]  # kubectl's text ends with a line break


def _environ(
    ground: ways.Ground, user: dict[str, Any], server: dict[str, Any] | None = None
) -> dict[str, str]:
    environ = ground.environ(ground.kubeconfig(user, server))
    environ["PATH"] += f":{ground.directory / 'plugins'}"
    return environ


@pytest.mark.parametrize(("user", "enters"), ways.cases(PLUGINS))
def test_exec_plugin(user: dict[str, Any], enters: bool, ground: ways.Ground) -> None:
    """With this plugin both get in and the API server sees the same user, or both fail."""
    environ = _environ(ground, user)
    _, ours = ground.compare(environ, enters=enters)
    assert SECRET not in ours.stderr
    hint = user["exec"].get("installHint")
    assert hint is None or hint in ours.stderr
    if enters:
        ground.who(environ, same_token=False)


@pytest.mark.parametrize("mode", ["Never", "IfAvailable"])
@pytest.mark.parametrize("version", [V1, V1BETA1])
@pytest.mark.parametrize("told", [True, False])
def test_exec_plugin_is_told_what_kubectl_tells_it(
    told: bool, version: str, mode: str, ground: ways.Ground
) -> None:
    """KUBERNETES_EXEC_INFO is the same, with what the kubeconfig says of the cluster or without."""
    user = _plugin("./plugins/mints", version=version, mode=mode, provideClusterInfo=told)
    extension = {
        "name": "client.authentication.k8s.io/exec",
        "extension": {"audience": "x", "list": [1, None]},
    }
    server = {"extensions": [extension], "tls-server-name": "kubernetes", "disable-compression": True}
    environ = _environ(ground, user, server)
    _runs(ground)
    for program in (product.kubectl, product.kubevitals):
        assert program("top", "nodes", environ=environ).returncode == 0
    theirs, ours = _runs(ground)
    assert ours == theirs
    assert ("cluster" in ours["spec"]) == told


def test_exec_plugin_runs_once_for_all_requests_of_a_command(ground: ways.Ground) -> None:
    """Several requests at the same time wait for one run, as in kubectl."""
    environ = _environ(ground, _plugin("./plugins/mints-for-a-while"))
    _runs(ground)
    for program in (product.kubectl, product.kubevitals):
        assert program("top", "nodes", environ=environ).returncode == 0
        assert len(_runs(ground)) == 1


def test_exec_plugin_runs_again_when_its_token_has_expired(ground: ways.Ground) -> None:
    """A running client keeps a token until its time, and mints another after that."""
    environ = _environ(ground, _plugin("./plugins/mints-for-a-while"))
    _runs(ground)
    offset = [0.0]
    with _open(environ, offset) as client:
        first = ways.ask(client)
        ways.ask(client)
        assert len(_runs(ground)) == 1
        offset[0] = 700.0
        second = ways.ask(client)
        assert len(_runs(ground)) == 1
    assert first["username"] == second["username"]
    assert first["extra"] != second["extra"], "the same token again"


def test_exec_plugin_runs_again_after_a_401(ground: ways.Ground) -> None:
    """A token that is refused is replaced by a fresh one within the same request."""
    environ = _environ(ground, _plugin("./plugins/mints-nonsense-once"))
    _runs(ground)
    with _open(environ, [0.0]) as client:
        assert ways.ask(client)["username"].endswith(":way-visitor")
    assert len(_runs(ground)) == 2


def test_exec_plugin_that_fails_later_does_not_end_a_watched_table(ground: ways.Ground) -> None:
    """`top nodes -w` says that the plugin is gone, and goes on when it is back."""
    script = (ground.directory / "plugins/mints-for-a-while").read_bytes()
    ground.write("plugins/comes-and-goes", script, mode=0o700)
    environ = _environ(ground, _plugin("./plugins/comes-and-goes", env=_env(SECONDS_LEFT="1")))
    with ground.watch(environ) as watched:
        watched.read_until("node-9 ")
        (ground.directory / "plugins/comes-and-goes").unlink()
        watched.read_until("does not exist")
        ground.write("plugins/comes-and-goes", script, mode=0o700)
        watched.read_until("node-9 ")


def test_exec_plugin_that_is_missing_is_a_credentials_error_of_the_library(ground: ways.Ground) -> None:
    """The library raises CredentialsError, whose remedy is the plugin's own hint."""
    environ = _environ(ground, _plugin("no-such-plugin", installHint="Get it from its maker."))
    with _open(environ, [0.0]) as client, pytest.raises(errors.CredentialsError) as raised:
        ways.ask(client)
    assert raised.value.remedy == "Get it from its maker."


def _open(environ: dict[str, str], offset: list[float]) -> kube_client.Client:
    """A client whose clock is so many seconds ahead."""
    import time

    connection = kubeconfig.open_config(
        kubeconfig.Options(), environ=environ, clock=lambda: time.time() + offset[0], interactive=False
    )
    return kube_client.Client(connection, environ=environ)
