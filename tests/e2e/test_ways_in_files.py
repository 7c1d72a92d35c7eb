"""Ways in through several files: KUBECONFIG as a list, token files that are replaced, a pod's own files.

kubectl on the same files is the oracle: both get in as the same user, or both fail.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from tests.e2e import aspod, product, ways

from kubevitals import errors
from kubevitals.kube import client as kube_client
from kubevitals.kube.auth import kubeconfig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e import controlplane


@pytest.fixture(scope="module")
def ground(
    cluster: controlplane.ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ways.Ground]:
    """Accounts, certificates and files to enter the shared cluster with."""
    with ways.Ground(cluster, tmp_path_factory.mktemp("ways")) as made:
        _write_parts(made)
        yield made


# KUBECONFIG as a list

SERVER = {"server": "https://127.0.0.1:{port}", ways.CA: "{ca}"}
NOWHERE = {"server": "https://127.0.0.1:1"}


def _named(kind: str, name: str, **body: Any) -> dict[str, Any]:
    return {f"{kind}s": [{"name": name, kind: body}]}


def _context(name: str, cluster: str, user: str, **more: str) -> dict[str, Any]:
    return _named("context", name, cluster=cluster, user=user, **more)


PARTS: dict[str, dict[str, Any]] = {
    "cluster": _named("cluster", "here", **SERVER),
    "nowhere": _named("cluster", "here", **NOWHERE),
    "address": _named("cluster", "here", server=SERVER["server"]),
    "authority": _named("cluster", "here", **{ways.CA: "{ca}"}),
    "user": _named("user", "me", **ways.TOKEN),
    "second": _named("user", "me", token="{second}"),
    "nobody": _named("user", "me", token="nobody-knows-this"),
    "relative": _named("user", "me", tokenFile="visitor.token"),
    "context": _context("way", "here", "me") | {"current-context": "way"},
    "context-without-current": _context("way", "here", "me"),
    "current": {"current-context": "way"},
    "other-current": _context("other", "no-such", "me") | {"current-context": "other"},
    "empty-current": {"current-context": ""},
    "lists-of-null": {"clusters": None, "users": None, "contexts": None},
}


def _write_parts(ground: ways.Ground) -> None:
    for name, part in PARTS.items():
        ground.document(name, {"apiVersion": "v1", "kind": "Config"} | part)
    ground.write("broken", "clusters: [}\n")
    ground.write("text", "just words\n")
    ground.write("wrong-types", "clusters: {a: b}\n")
    ground.write("folder/visitor.token", "refused-by-everyone")
    ground.document("folder/relative", PARTS["relative"])


LISTS: list[tuple[str, bool]] = [
    ("cluster user context", True),
    ("context user cluster", True),
    ("context-without-current user cluster current", True),
    ("context-without-current user cluster", False),
    ("empty-current context user cluster", True),
    ("lists-of-null context user cluster", True),
    ("no-such-file cluster user no-such-either context", True),
    ("empty cluster user context", True),
    ("cluster user context cluster user context", True),
    ("cluster nowhere user context", True),
    ("nowhere cluster user context", False),
    ("user nobody cluster context", True),
    ("nobody user cluster context", False),
    ("second user cluster context", True),
    ("address authority user context", False),
    ("authority address user context", False),
    ("cluster user other-current context", False),
    ("cluster user context other-current", True),
    ("cluster relative context", True),
    ("cluster folder/relative context", False),
    ("cluster user context broken", False),
    ("broken cluster user context", False),
    ("cluster user context text", False),
    ("cluster user context wrong-types", False),
    ("cluster user context folder", False),
    ("cluster context", False),
    ("user context", False),
    ("no-such-file", False),
    ("empty", False),
]


@pytest.mark.parametrize(("names", "enters"), LISTS, ids=lambda value: str(value).replace(" ", ":"))
def test_several_kubeconfig_files(names: str, enters: bool, ground: ways.Ground) -> None:
    """The files of KUBECONFIG in this order are merged to the same end."""
    listed = os.pathsep.join(str(ground.directory / name) for name in names.split())
    environ = ground.environ(listed)
    ground.compare(environ, enters=enters)
    if enters:
        ground.who(environ)


def test_several_kubeconfig_files_with_empty_entries(ground: ways.Ground) -> None:
    """Empty entries between the colons and a colon at the end are nothing."""
    listed = ":".join(str(ground.directory / name) for name in ("cluster", "user", "context"))
    ground.compare(ground.environ(f"::{listed.replace(':', '::')}:"), enters=True)


def test_kubeconfig_option_goes_before_the_list(ground: ways.Ground) -> None:
    """--kubeconfig is read alone, KUBECONFIG not at all."""
    alone = ground.kubeconfig(ways.TOKEN)
    broken = ground.environ(ground.directory / "broken")
    ground.compare(broken, f"--kubeconfig={alone}", enters=True)
    listed = ":".join(str(ground.directory / name) for name in ("cluster", "user", "context"))
    ground.compare(ground.environ(listed), f"--kubeconfig={ground.directory / 'user'}", enters=False)


def test_kubeconfig_of_the_home_folder(ground: ways.Ground) -> None:
    """Without KUBECONFIG both read ~/.kube/config; with neither both fail."""
    environ = ground.environ(None)
    ground.compare(environ, enters=False)
    folder = ground.directory / ".kube"
    folder.mkdir(exist_ok=True)
    config = folder / "config"
    try:
        config.write_bytes(ground.kubeconfig(ways.TOKEN).read_bytes())
        ground.compare(environ, enters=True)
    finally:
        config.unlink()


def test_context_option_chooses_among_files(ground: ways.Ground) -> None:
    """--context, --cluster and --user choose from all files, for both the same."""
    listed = ":".join(
        str(ground.directory / name) for name in ("other-current", "cluster", "user", "context")
    )
    environ = ground.environ(listed)
    ground.compare(environ, "--context=way", enters=True)
    ground.compare(environ, "--cluster=here", enters=True)
    ground.compare(environ, "--context=way", "--user=no-such", enters=False)


# token files that are replaced


def test_token_file_replaced_while_running(ground: ways.Ground) -> None:
    """One running client sends the new token after its file is replaced, as does every kubectl after that."""
    ground.write("rotating.token", ground.words["visitor"])
    environ = ground.environ(ground.kubeconfig({"tokenFile": "rotating.token"}))
    time = [1_000.0]
    connection = kubeconfig.open_config(kubeconfig.Options(), environ=environ, clock=lambda: time[0])
    with kube_client.Client(connection, environ=environ) as client:
        assert ways.ask(client)["username"].endswith(":way-visitor")
        ground.write("rotating.token", ground.words["second"])
        time[0] += 2
        assert ways.ask(client)["username"].endswith(":way-second")
    assert ground.who(environ)["username"].endswith(":way-second")


def test_token_file_replaced_after_a_401_while_running(ground: ways.Ground) -> None:
    """A token that the server refuses is read anew at once, within the same request."""
    ground.write("late.token", "refused-by-everyone")
    environ = ground.environ(ground.kubeconfig({"tokenFile": "late.token"}))
    connection = kubeconfig.open_config(kubeconfig.Options(), environ=environ, clock=lambda: 1_000.0)
    with kube_client.Client(connection, environ=environ) as client:
        with pytest.raises(errors.UnauthorizedError):
            ways.ask(client)
        ground.compare(environ, enters=False)
        ground.write("late.token", ground.words["second"])
        assert ways.ask(client)["username"].endswith(":way-second")
        ground.compare(environ, enters=True)


def test_token_file_replaced_while_the_table_is_watched(ground: ways.Ground) -> None:
    """`top nodes -w` says when the token is refused, and goes on when the file holds a good one."""
    ground.write("watched.token", ground.words["visitor"])
    environ = ground.environ(ground.kubeconfig({"tokenFile": "watched.token"}))
    last, refused = "node-9 ", "does not accept the credentials"
    with ground.watch(environ) as watched:
        watched.read_until(last)
        ground.write("watched.token", "refused-by-everyone")
        watched.read_until(refused)
        ground.write("watched.token", ground.words["second"])
        watched.read_until(last)


# the files of a pod


@pytest.fixture
def pod(ground: ways.Ground) -> Path:
    """The three files that a pod gets, of the account `visitor` and the namespace kube-system."""
    folder = ground.directory / "pod"
    folder.mkdir(exist_ok=True)
    ground.write("pod/token", ground.words["visitor"])
    ground.write("pod/ca.crt", ground.cluster.authority.pem)
    ground.write("pod/namespace", "kube-system")
    return folder


def _pod_environ(ground: ways.Ground, **more: str) -> dict[str, str]:
    variables = {
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": ground.words["port"],
        "POD_FILES": str(ground.directory / "pod"),
    }
    return ground.environ(None, **(variables | more))


@pytest.fixture(scope="module")
def pods_possible() -> None:
    """This machine allows a mount namespace of one's own."""
    reason = aspod.why_not()
    if reason is not None:
        pytest.skip(reason)


def test_in_cluster_files(pods_possible: None, pod: Path, ground: ways.Ground) -> None:
    """With the files of a pod both get in, as its service account and into its namespace."""
    environ = _pod_environ(ground)
    ground.compare(environ, enters=True, through=aspod.AS_A_POD)
    for program in (product.kubectl, product.kubevitals):
        ended = program("top", "pods", environ=environ, through=aspod.AS_A_POD)
        assert ended.returncode == 1
        assert "kube-system" in ended.stderr
    ground.write("pod/token", ground.words["second"])
    ended = product.kubectl("auth", "whoami", environ=environ, through=aspod.AS_A_POD)
    assert "way-second" in ended.stdout
    ground.compare(environ, enters=True, through=aspod.AS_A_POD)


@pytest.mark.parametrize("broken", ["token", "ca.crt", "no token", "no variables"])
def test_in_cluster_files_that_are_wrong(
    broken: str, pods_possible: None, pod: Path, ground: ways.Ground
) -> None:
    """With a wrong token or authority, without a token or the variables of a pod, both fail."""
    environ = _pod_environ(ground)
    if broken == "token":
        ground.write("pod/token", "refused-by-everyone")
    elif broken == "ca.crt":
        (pod / "ca.crt").write_bytes((ground.directory / "foreign-ca.crt").read_bytes())
    elif broken == "no token":
        (pod / "token").unlink()
    else:
        del environ["KUBERNETES_SERVICE_HOST"]
    ground.compare(environ, enters=False, through=aspod.AS_A_POD)


def test_in_cluster_files_come_after_kubeconfig(pods_possible: None, pod: Path, ground: ways.Ground) -> None:
    """KUBECONFIG goes before the files of the pod."""
    environ = _pod_environ(ground) | {"KUBECONFIG": str(ground.kubeconfig({"token": "nobody-knows-this"}))}
    ground.compare(environ, enters=False, through=aspod.AS_A_POD)
    environ["KUBECONFIG"] = str(ground.directory / "no-such-file")
    ground.compare(environ, enters=True, through=aspod.AS_A_POD)


def test_in_cluster_token_rotated_while_running(pod: Path, ground: ways.Ground) -> None:
    """A running client sends the rotated token a minute later, or at once when the old one is refused."""
    environ = _pod_environ(ground)
    time = [1_000.0]
    connection = kubeconfig.open_config(
        kubeconfig.Options(), environ=environ, clock=lambda: time[0], service_account=str(pod)
    )
    assert connection.namespace == "kube-system"
    with kube_client.Client(connection, environ=environ) as client:
        assert ways.ask(client)["username"].endswith(":way-visitor")
        ground.write("pod/token", ground.words["second"])
        time[0] += 61
        assert ways.ask(client)["username"].endswith(":way-second")
        ground.write("pod/token", "refused-by-everyone")
        time[0] += 61
        with pytest.raises(errors.UnauthorizedError):
            ways.ask(client)
        ground.write("pod/token", ground.words["visitor"])
        assert ways.ask(client)["username"].endswith(":way-visitor")
