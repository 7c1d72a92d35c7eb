from __future__ import annotations

import base64
import os
import pathlib
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from kubevitals import errors
from kubevitals.kube.auth import kubeconfig

if TYPE_CHECKING:
    from kubevitals.kube import clientconfig

FIXTURES = pathlib.Path(__file__).parent / "fixtures" / "kubeconfig"
PEM = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
CA_DATA = base64.b64encode(PEM).decode()
SECRET = "s3cr3t-Value-0123456789"


def document(
    name: str = "prod",
    *,
    cluster: dict[str, Any] | None = None,
    user: dict[str, Any] | None = None,
    context: dict[str, Any] | None = None,
    current: str | None = None,
) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name if current is None else current,
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}.test:6443", **(cluster or {})}}],
        "users": [{"name": name, "user": user or {}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, **(context or {})}}],
    }


def write(path: pathlib.Path, content: dict[str, Any] | str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return str(path)


def open_it(
    tmp_path: pathlib.Path, *, environ: dict[str, str] | None = None, **given: Any
) -> clientconfig.ClientConfig:
    """The connection that options give, in an empty environment without a pod or a home."""
    return kubeconfig.open_config(
        kubeconfig.Options(**given),
        environ=environ or {},
        home=str(tmp_path / "home"),
        service_account=str(tmp_path / "account"),
    )


def put_account(tmp_path: pathlib.Path) -> dict[str, str]:
    folder = tmp_path / "account"
    folder.mkdir()
    (folder / "token").write_text("account-token\n")
    (folder / "ca.crt").write_bytes(PEM)
    (folder / "namespace").write_text("team\n")
    return {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}


def test_explicit_file(tmp_path: pathlib.Path) -> None:
    """--kubeconfig is read with its current context, and goes before KUBECONFIG and the home folder."""
    path = write(tmp_path / "a", document("a"))
    other = write(tmp_path / "b", document("b"))
    write(tmp_path / "home/.kube/config", document("home"))
    made = open_it(tmp_path, kubeconfig=path, environ={"KUBECONFIG": other})
    assert made.server == "https://a.test:6443"
    assert made.context == "a"
    assert made.namespace == "default"
    assert made.origin == path


def test_kubeconfig_goes_before_the_service_account(tmp_path: pathlib.Path) -> None:
    """In a pod KUBECONFIG still wins."""
    path = write(tmp_path / "a", document("a"))
    made = open_it(tmp_path, environ={"KUBECONFIG": path, **put_account(tmp_path)})
    assert made.context == "a"
    assert made.origin == f"{path} (KUBECONFIG)"


def test_service_account_goes_before_home(tmp_path: pathlib.Path) -> None:
    """In a pod without KUBECONFIG the service account wins over ~/.kube/config."""
    write(tmp_path / "home/.kube/config", document("home"))
    made = open_it(tmp_path, environ=put_account(tmp_path))
    assert made.context == "in-cluster"
    assert made.server == "https://10.0.0.1:443"
    assert made.namespace == "team"
    assert made.ca == PEM
    assert made.origin == "service account"
    assert made.credentials.fetch().authorization == "Bearer account-token"


@pytest.mark.parametrize("given", [{"context": "home"}, {"cluster": "home"}, {"user": "home"}])
def test_selecting_options_look_into_files(tmp_path: pathlib.Path, given: dict[str, Any]) -> None:
    """In a pod, --context, --cluster and --user mean the files."""
    write(tmp_path / "home/.kube/config", document("home"))
    assert open_it(tmp_path, environ=put_account(tmp_path), **given).server == "https://home.test:6443"


def test_service_account_stands_in_for_missing_files(tmp_path: pathlib.Path) -> None:
    """In a pod, a KUBECONFIG of missing or empty files falls back on the service account."""
    environ = put_account(tmp_path)
    empty = write(tmp_path / "empty", "")
    for listed in (str(tmp_path / "none"), empty, f"{empty}{os.pathsep}{tmp_path / 'none'}"):
        assert open_it(tmp_path, environ={"KUBECONFIG": listed, **environ}).context == "in-cluster"


def test_options_override_the_service_account(tmp_path: pathlib.Path) -> None:
    """In a pod, --token, --as and --namespace change what the account gives."""
    made = open_it(
        tmp_path, environ=put_account(tmp_path), token="mine", as_user="jane", namespace="ns/other"
    )
    assert made.server == "https://10.0.0.1:443"
    assert made.credentials.fetch().authorization == "Bearer mine"
    assert made.impersonation == (("Impersonate-User", "jane"),)
    assert made.namespace == "other"


def test_home_comes_last(tmp_path: pathlib.Path) -> None:
    """Without anything else ~/.kube/config is read."""
    path = write(tmp_path / "home/.kube/config", document("home"))
    made = open_it(tmp_path)
    assert made.context == "home"
    assert made.origin == path


def test_home_is_found_in_the_environment(tmp_path: pathlib.Path) -> None:
    """HOME of the environment names the home folder."""
    write(tmp_path / ".kube/config", document("home"))
    made = kubeconfig.open_config(
        kubeconfig.Options(), environ={"HOME": str(tmp_path)}, service_account=str(tmp_path)
    )
    assert made.context == "home"


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "nothing says which cluster"),
        ({"KUBECONFIG": "/none/a:/none/b"}, "/none/a, /none/b"),
        ({"KUBECONFIG": ""}, ".kube/config"),
        ({"KUBECONFIG": ":"}, "KUBECONFIG names no file"),
    ],
)
def test_no_cluster(tmp_path: pathlib.Path, environ: dict[str, str], words: str) -> None:
    """With nothing to read, the error offers a simulated cluster, KUBECONFIG and --kubeconfig."""
    with pytest.raises(errors.NoClusterError, match=words) as caught:
        open_it(tmp_path, environ=environ)
    for offer in ("--simulate", "KUBECONFIG", "--kubeconfig"):
        assert offer in str(caught.value.remedy)


def test_no_home(tmp_path: pathlib.Path) -> None:
    """Without a home folder the error says so."""
    with pytest.raises(errors.NoClusterError, match="no home folder"):
        kubeconfig.open_config(kubeconfig.Options(), environ={}, service_account=str(tmp_path))


def test_no_current_context(tmp_path: pathlib.Path) -> None:
    """A file without a current context is not guessed about: its contexts are listed."""
    path = write(tmp_path / "a", document("lab", current=""))
    with pytest.raises(errors.NoClusterError, match="no current context") as caught:
        open_it(tmp_path, kubeconfig=path)
    assert "lab" in str(caught.value.remedy)
    assert open_it(tmp_path, kubeconfig=path, context="lab").context == "lab"


@pytest.mark.parametrize(
    "text", ["", "\n", "# nothing\n", "{}", "---\n", "null\n", "apiVersion: v1\nkind: Config\n"]
)
def test_empty_file(tmp_path: pathlib.Path, text: str) -> None:
    """An empty file is no error of its own, but names no cluster."""
    with pytest.raises(errors.NoClusterError, match="holds no context"):
        open_it(tmp_path, kubeconfig=write(tmp_path / "a", text))


def test_missing_explicit_file(tmp_path: pathlib.Path) -> None:
    """--kubeconfig of a file that is not there is an error that names it."""
    with pytest.raises(errors.ConfigurationError, match=r"no kubeconfig .*/none"):
        open_it(tmp_path, kubeconfig=str(tmp_path / "none"))


def test_server_alone(tmp_path: pathlib.Path) -> None:
    """--server needs no file, and --token goes with it."""
    made = open_it(tmp_path, server="https://localhost:6443/", token="abc", insecure_skip_tls_verify=True)
    assert made.server == "https://localhost:6443"
    assert made.context == "localhost:6443"
    assert made.origin == "option --server"
    assert made.credentials.fetch().authorization == "Bearer abc"
    assert "not checked" in made.warnings[0]


def test_server_overrides_the_context(tmp_path: pathlib.Path) -> None:
    """--server changes the address and keeps the context's credentials, but not its tls-server-name."""
    content = document(cluster={"tls-server-name": "x.test"}, user={"token": "t"})
    path = write(tmp_path / "a", content)
    made = open_it(tmp_path, kubeconfig=path, server="https://other:1")
    assert made.server == "https://other:1"
    assert made.credentials.fetch().authorization == "Bearer t"
    assert made.tls_server_name is None
    assert open_it(tmp_path, kubeconfig=path).tls_server_name == "x.test"
    assert (
        open_it(tmp_path, kubeconfig=path, server="https://o:1", tls_server_name="y").tls_server_name == "y"
    )


def test_merging(tmp_path: pathlib.Path) -> None:
    """The first file to name an entry wins it whole, and so does the first current context."""
    one = document("shared", cluster={"proxy-url": "http://one:1"}, current="")
    two = document("shared", cluster={"tls-server-name": "two"}, user={"token": "two"}, current="second")
    three = document("second", user={"token": "three"}, current="shared")
    paths = [
        write(tmp_path / "1", one),
        str(tmp_path / "none"),
        write(tmp_path / "2", two),
        write(tmp_path / "3", three),
    ]
    environ = {"KUBECONFIG": os.pathsep.join([*paths, "", paths[0]])}
    made = open_it(tmp_path, environ=environ)
    assert made.context == "second"
    assert made.credentials.fetch().authorization == "Bearer three"
    shared = open_it(tmp_path, environ=environ, context="shared")
    assert shared.proxy_url == "http://one:1"
    assert shared.tls_server_name is None
    assert shared.credentials.kind == "anonymous"


def test_broken_file_among_several(tmp_path: pathlib.Path) -> None:
    """A file that cannot be read as YAML is an error even if another one would do, as in kubectl."""
    good, bad = write(tmp_path / "good", document()), write(tmp_path / "bad", "a: [")
    with pytest.raises(errors.ConfigurationError, match="bad is not valid YAML"):
        open_it(tmp_path, environ={"KUBECONFIG": f"{good}{os.pathsep}{bad}"})


def test_relative_paths(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths resolve against the file that holds them, wherever one stands."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "ca.crt").write_bytes(PEM)
    (tmp_path / "conf/token").write_text("from-file")
    content = document(cluster={"certificate-authority": "../ca.crt"}, user={"tokenFile": "token"})
    write(tmp_path / "conf/config", content)
    monkeypatch.chdir(tmp_path)
    made = open_it(tmp_path, kubeconfig="conf/config")
    monkeypatch.chdir("/")
    assert made.ca == PEM
    assert made.credentials.fetch().authorization == "Bearer from-file"


def test_paths_of_options(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths in options are relative to the working directory, and go before what is written down."""
    other = PEM.replace(b"AAAA", b"BBBB")
    (tmp_path / "mine.crt").write_bytes(other)
    content = document(cluster={"certificate-authority-data": CA_DATA})
    path = write(tmp_path / "conf/config", content)
    monkeypatch.chdir(tmp_path)
    assert open_it(tmp_path, kubeconfig=path, certificate_authority="mine.crt").ca == other
    assert open_it(tmp_path, kubeconfig=path).ca == PEM


def test_insecure_option(tmp_path: pathlib.Path) -> None:
    """--insecure-skip-tls-verify takes the CA away; its opposite checks again."""
    path = write(tmp_path / "a", document(cluster={"certificate-authority-data": CA_DATA}))
    made = open_it(tmp_path, kubeconfig=path, insecure_skip_tls_verify=True)
    assert made.insecure
    assert made.ca is None
    path = write(tmp_path / "b", document(cluster={"insecure-skip-tls-verify": True}))
    assert open_it(tmp_path, kubeconfig=path).insecure
    assert not open_it(tmp_path, kubeconfig=path, insecure_skip_tls_verify=False).insecure


def test_namespace(tmp_path: pathlib.Path) -> None:
    """The namespace is the option's, else the context's, else default."""
    path = write(tmp_path / "a", document(context={"namespace": "team"}))
    assert open_it(tmp_path, kubeconfig=path).namespace == "team"
    for written in ("x", "ns/x", "namespace/x", "Namespaces/x"):
        assert open_it(tmp_path, kubeconfig=path, namespace=written).namespace == "x"


def test_other_options(tmp_path: pathlib.Path) -> None:
    """--proxy-url and --disable-compression override the cluster."""
    path = write(tmp_path / "a", document(cluster={"proxy-url": "http://p:1", "disable-compression": True}))
    made = open_it(tmp_path, kubeconfig=path)
    assert (made.proxy_url, made.compression) == ("http://p:1", False)
    made = open_it(tmp_path, kubeconfig=path, proxy_url="http://q:2", disable_compression=False)
    assert (made.proxy_url, made.compression) == ("http://q:2", True)


def test_user_options(tmp_path: pathlib.Path) -> None:
    """--token and --username replace whatever the user entry would send in that header."""
    for user in ({"tokenFile": "/none"}, {"username": "a", "password": "b"}, {"exec": {"command": "x"}}):
        path = write(tmp_path / "a", document(user=user))
        assert open_it(tmp_path, kubeconfig=path, token="t").credentials.fetch().authorization == "Bearer t"
    path = write(tmp_path / "a", document(user={"token": "t"}))
    made = open_it(tmp_path, kubeconfig=path, username="u", password="p")
    assert made.credentials.fetch().authorization == "Basic dTpw"


def test_token_and_password_options(tmp_path: pathlib.Path) -> None:
    """--token together with --username is refused."""
    path = write(tmp_path / "a", document())
    with pytest.raises(errors.ConfigurationError, match="both a token and a username"):
        open_it(tmp_path, kubeconfig=path, token="t", username="u")


def test_certificate_options(tmp_path: pathlib.Path) -> None:
    """--client-certificate and --client-key replace the entry's, data included."""
    key = b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"
    (tmp_path / "c").write_bytes(PEM)
    (tmp_path / "k").write_bytes(key)
    path = write(
        tmp_path / "a", document(user={"client-certificate-data": CA_DATA, "client-key-data": CA_DATA})
    )
    options: dict[str, Any] = {"client_certificate": str(tmp_path / "c"), "client_key": str(tmp_path / "k")}
    credential = open_it(tmp_path, kubeconfig=path, **options).credentials.fetch()
    assert (credential.certificate, credential.key) == (PEM, key)


def test_impersonation_options(tmp_path: pathlib.Path) -> None:
    """--as, --as-group, --as-uid and --as-user-extra become headers."""
    path = write(tmp_path / "a", document())
    made = open_it(
        tmp_path,
        kubeconfig=path,
        as_user="jane",
        as_groups=["a", "b"],
        as_uid="7",
        as_user_extra={"Scope": ["x"]},
    )
    assert made.impersonation == (
        ("Impersonate-User", "jane"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
        ("Impersonate-Extra-scope", "x"),
    )


def test_no_such_context(tmp_path: pathlib.Path) -> None:
    """A wrong context lists the ones there are, the closest first."""
    content = document("zeta")
    content["contexts"] += [{"name": name, "context": {}} for name in ("alpha", "prod-eu", "staging")]
    path = write(tmp_path / "a", content)
    with pytest.raises(errors.ConfigurationError, match=r'no context "prod" in .*/a') as caught:
        open_it(tmp_path, kubeconfig=path, context="prod")
    assert str(caught.value.remedy).startswith("There are: prod-eu, ")
    write(tmp_path / "a", document("zeta", current="gone"))
    with pytest.raises(errors.ConfigurationError, match='no context "gone"'):
        open_it(tmp_path, kubeconfig=path)


@pytest.mark.parametrize(
    ("context", "given", "words"),
    [
        ({"cluster": None}, {}, r'cluster of context "prod" in .*/a is missing'),
        ({"cluster": "gone"}, {}, r'context "prod" in .*/a names the cluster "gone"'),
        ({"user": "gone"}, {}, r'context "prod" in .*/a names the user "gone"'),
        ({}, {"cluster": "gone"}, '--cluster names the cluster "gone"'),
        ({}, {"user": "gone"}, '--user names the user "gone"'),
        ({"namespace": 7}, {}, "namespace of context .* is a number"),
    ],
)
def test_wrong_contexts(
    tmp_path: pathlib.Path, context: dict[str, Any], given: dict[str, Any], words: str
) -> None:
    """A context that points nowhere is an error that names the file and the context."""
    path = write(tmp_path / "a", document(context=context))
    with pytest.raises(errors.ConfigurationError, match=words) as caught:
        open_it(tmp_path, kubeconfig=path, **given)
    assert caught.value.remedy


def test_context_without_user(tmp_path: pathlib.Path) -> None:
    """A context without a user asks anonymously."""
    path = write(tmp_path / "a", document(context={"user": ""}))
    assert open_it(tmp_path, kubeconfig=path).credentials.kind == "anonymous"


def test_options_repr_shows_no_secret() -> None:
    """Options show which were given, not what."""
    shown = repr(kubeconfig.Options(token=SECRET, password=SECRET, as_groups=["x"]))
    assert SECRET not in shown
    assert "token" in shown
    assert "as_groups" in shown


@pytest.mark.parametrize(
    ("name", "server", "kind"),
    [
        ("gke.yaml", "https://192.0.2.10", "exec"),
        ("eks.yaml", "https://0123456789ABCDEF.gr7.eu-central-1.eks.amazonaws.example", "exec"),
        ("minikube.yaml", "https://192.0.2.20:8443", "certificate"),
        ("aks.json", "https://aks.example:443", "token"),
        ("openshift.yaml", "https://api.lab.example:6443", "token"),
    ],
)
def test_kubeconfigs_of_the_world(tmp_path: pathlib.Path, name: str, server: str, kind: str) -> None:
    """Kubeconfigs as the usual tools write them are understood."""
    made = open_it(tmp_path, kubeconfig=str(FIXTURES / name))
    assert made.server == server
    assert made.credentials.kind == kind


@pytest.mark.parametrize("name", ["gke.yaml", "eks.yaml", "minikube.yaml"])
def test_usual_kubeconfigs_import_little(name: str) -> None:
    """Opening a usual kubeconfig loads none of the modules that are slow to import."""
    script = (
        "import os, sys; before = set(sys.modules)\n"
        "from kubevitals.kube.auth import kubeconfig\n"
        f"kubeconfig.open_config(kubeconfig.Options(kubeconfig={str(FIXTURES / name)!r}), environ={{}})\n"
        "print(*(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-S", "-c", script], capture_output=True, text=True, check=True,
                          env={"PYTHONPATH": os.pathsep.join(sys.path)})  # fmt: skip
    slow = {
        "yaml",
        "msgspec",
        "subprocess",
        "asyncio",
        "dataclasses",
        "typing",
        "pathlib",
        "re",
        "shutil",
        "logging",
    }
    slow |= {
        "http.client",
        "urllib.request",
        "urllib.parse",
        "email",
        "inspect",
        "cryptography",
        "tempfile",
        "ssl",
    }
    assert not slow & set(done.stdout.split())


def find_kubectl() -> str:
    found = os.environ.get("KUBECTL") or shutil.which("kubectl")
    if not found:
        pytest.skip("no kubectl: neither the variable KUBECTL nor PATH names one")
    return found


def ask_kubectl(listed: str, *more: str) -> dict[str, Any]:
    done = subprocess.run(
        [find_kubectl(), "config", "view", "--raw", "--minify", "--flatten", *more],
        env={**os.environ, "KUBECONFIG": listed},
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    view: dict[str, Any] = yaml.safe_load(done.stdout)
    return view


@pytest.mark.kubectl
@pytest.mark.parametrize("context", ["shared", "second", "lab/api-lab/admin", "minikube"])
def test_merging_as_kubectl(tmp_path: pathlib.Path, context: str) -> None:
    """kubectl, reading the same files, sees the same server, namespace, token, names and paths."""
    files = [
        write(tmp_path / "1", document("shared", user={"token": "one"}, current="")),
        write(
            tmp_path / "2", document("shared", cluster={"proxy-url": "http://two:1"}, user={"token": "two"})
        ),
        write(tmp_path / "3", document("second", user={"token": "three"}, context={"namespace": "nine"})),
        str(FIXTURES / "openshift.yaml"),
        str(FIXTURES / "minikube.yaml"),
    ]
    listed = os.pathsep.join(files)
    theirs = ask_kubectl(listed, "--context", context)
    made = open_it(tmp_path, environ={"KUBECONFIG": listed}, context=context)
    cluster, user = theirs["clusters"][0]["cluster"], theirs["users"][0]["user"]
    assert made.server == cluster["server"]
    assert made.proxy_url == cluster.get("proxy-url")
    assert made.tls_server_name == cluster.get("tls-server-name")
    assert made.namespace == theirs["contexts"][0]["context"].get("namespace", "default")
    credential = made.credentials.fetch()
    assert credential.authorization == (f"Bearer {user['token']}" if "token" in user else None)
    for field, mine in (
        (user.get("client-certificate-data"), credential.certificate),
        (user.get("client-key-data"), credential.key),
        (cluster.get("certificate-authority-data"), made.ca),
    ):
        assert mine == (base64.b64decode(field) if field else None)


@pytest.mark.kubectl
def test_current_context_as_kubectl(tmp_path: pathlib.Path) -> None:
    """kubectl, reading the same files, takes the same context for the current one."""
    files = [
        write(tmp_path / "1", document("one", current="")),
        str(tmp_path / "none"),
        write(tmp_path / "2", document("two", current="one")),
        write(tmp_path / "3", document("three")),
    ]
    listed = os.pathsep.join(files)
    made = open_it(tmp_path, environ={"KUBECONFIG": listed})
    assert made.context == ask_kubectl(listed)["current-context"]


LIKE_KUBECTL = """apiVersion: v1
kind: Config
current-context: {name}
clusters:
- name: {name}
  cluster: {{server: "{server}"{cluster}}}
contexts:
- name: {name}
  context: {{cluster: {name}, user: {name}}}
users:
- name: {name}
  user: {user}
"""


def written(
    folder: pathlib.Path,
    *,
    name: str = "a",
    server: str = "http://127.0.0.1:1",
    cluster: str = "",
    user: str = "{}",
    old: str = "",
    new: str = "",
) -> kubeconfig.Options:
    """Options that name a kubeconfig of one context, with `old` replaced by `new`."""
    text = LIKE_KUBECTL.format(name=name, server=server, cluster=cluster, user=user)
    assert old in text
    path = folder / "config"
    path.write_text(text.replace(old, new))
    return kubeconfig.Options(kubeconfig=str(path))


ACCEPTED: list[dict[str, str]] = [
    *({"name": name} for name in ("10:20", "190:20:30.15", "12:30:45", "=", "null", "~", "2020-01-01", '""')),
    {"old": "clusters:\n", "new": "clusters:\n- null\n"},
    {"old": "users:\n", "new": "users:\n- ~\n"},
    {"old": "contexts:\n", "new": "contexts:\n-\n"},
    {"name": '""', "old": 'current-context: ""\n', "new": ""},
    {"name": '""', "old": '- name: ""\n  context', "new": "- context"},
    {"cluster": ", certificate-authority-data: LS0t"},
    {"cluster": ", insecure-skip-tls-verify: true, certificate-authority-data: LS0t"},
    {"user": "{auth-provider: {name: gcp}}"},
    {"user": "{auth-provider: {name: azure}}"},
    {"user": "{auth-provider: {name: oidc}}"},
    {"old": "user: a}", "new": "user: nobody}"},
    {"server": "127.0.0.1:1", "old": "user: a}", "new": "user: nobody}"},
]
REFUSED: list[dict[str, str]] = [
    *({"name": name} for name in ("0x10", "012", "1_000", "yes", "1.5", ".inf", "1", "0b11")),
    {"old": "contexts:\n", "new": "contexts:\n- null\n-\n"},
    {"old": "current-context: a\n", "new": ""},
    {
        "server": "https://127.0.0.1:1",
        "cluster": ", insecure-skip-tls-verify: true, certificate-authority-data: LS0t",
    },
    {"server": "https://127.0.0.1:1", "user": "{auth-provider: {name: gcp}}"},
    {"cluster": ", certificate-authority: /nonexistent"},
    {"old": "cluster: a,", "new": "cluster: nobody,"},
    {"user": "{token: 123}"},
    {"user": "{token: a, username: b, password: c}"},
]


@pytest.mark.parametrize("change", ACCEPTED, ids=str)
def test_what_kubectl_accepts(tmp_path: pathlib.Path, change: dict[str, str]) -> None:
    """Kubeconfigs in odd forms that kubectl reads are read here, and lead to the same server."""
    config = kubeconfig.open_config(written(tmp_path, **change), environ={}, home="")
    assert config.server == "http://127.0.0.1:1"
    assert config.credentials.kind == "anonymous"


@pytest.mark.parametrize("change", REFUSED, ids=str)
def test_what_kubectl_refuses(tmp_path: pathlib.Path, change: dict[str, str]) -> None:
    """Kubeconfigs that kubectl refuses are refused here."""
    with pytest.raises(errors.ConfigurationError):
        kubeconfig.open_config(written(tmp_path, **change), environ={}, home="")


@pytest.mark.skipif(not shutil.which("kubectl"), reason="needs kubectl")
@pytest.mark.parametrize(
    ("change", "accepted"),
    [*((change, True) for change in ACCEPTED[::5]), *((change, False) for change in REFUSED[::5])],
    ids=str,
)
def test_kubectl_itself(tmp_path: pathlib.Path, change: dict[str, str], *, accepted: bool) -> None:
    """The lists above are what kubectl does: it asks the server of what it accepts."""
    options = written(tmp_path, **change)
    done = subprocess.run(
        ["kubectl", "--kubeconfig", str(options.kubeconfig), "get", "--raw", "/x", "--request-timeout=1s"],
        capture_output=True,
        text=True,
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        timeout=20,
        check=False,
    )
    assert ("127.0.0.1:1 was refused" in done.stderr) is accepted, done.stderr
