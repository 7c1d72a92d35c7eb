"""Every way into a cluster that a kubeconfig describes. kubectl on the same file is the oracle.

Each table row is a case: what stands in the kubeconfig, and whether one gets in with it. Both must.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.e2e import product, ways

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e import controlplane


@pytest.fixture(scope="module")
def ground(
    cluster: controlplane.ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ways.Ground]:
    """Accounts, certificates and files to enter the shared cluster with."""
    with ways.Ground(cluster, tmp_path_factory.mktemp("ways")) as made:
        yield made


USERS: list[ways.Case] = [
    ("client certificate in files", ways.CERTIFICATE, True),
    ("client certificate inline", ways.INLINE, True),
    ("client certificate inline and in files",
     ways.INLINE | ways.CERTIFICATE, False),
    ("client certificate inline and key in a file",
     {"client-certificate-data": "{ann_data}", "client-key": "{ann_key}"}, True),
    ("client certificate relative to the kubeconfig",
     {"client-certificate": "ann.crt", "client-key": "ann.key"}, True),
    ("client certificate that has expired",
     {"client-certificate": "{expired}", "client-key": "{expired_key}"}, False),
    ("client certificate that is not yet valid",
     {"client-certificate": "{future}", "client-key": "{future_key}"}, False),
    ("client certificate of another authority",
     {"client-certificate": "{foreign}", "client-key": "{foreign_key}"}, False),
    ("client certificate with the key of another",
     {"client-certificate": "{ann}", "client-key": "{foreign_key}"}, False),
    ("client certificate without a key", {"client-certificate": "{ann}"}, False),
    ("client key without a certificate", {"client-key": "{ann_key}"}, False),
    ("client certificate that is missing",
     {"client-certificate": "no-such.crt", "client-key": "{ann_key}"}, False),
    ("client certificate that is none", {"client-certificate": "nonsense", "client-key": "nonsense"}, False),
    ("client certificate data that is no base64",
     {"client-certificate-data": "%%%", "client-key-data": "%%%"}, False),
    ("token", ways.TOKEN, True),
    ("token nobody knows", {"token": "nobody-knows-this"}, False),
    ("token cut short", {"token": "{visitor:.200}"}, False),
    ("token with a line break inside", {"token": "two\nlines"}, False),
    ("token and a client certificate", ways.CERTIFICATE | ways.TOKEN, True),
    ("token nobody knows and a client certificate", ways.CERTIFICATE | {"token": "nobody-knows-this"}, True),
    ("tokenFile", {"tokenFile": "{directory}/visitor.token"}, True),
    ("tokenFile relative to the kubeconfig", {"tokenFile": "visitor.token"}, True),
    ("tokenFile that is missing", {"tokenFile": "no-such.token"}, False),
    ("tokenFile that is empty", {"tokenFile": "{directory}/empty"}, False),
    ("tokenFile with nonsense", {"tokenFile": "{directory}/nonsense"}, False),
    ("tokenFile and another token", {"tokenFile": "{directory}/second.token", "token": "{visitor}"}, True),
    ("tokenFile with nonsense and a token",
     {"tokenFile": "{directory}/nonsense", "token": "{visitor}"}, False),
    ("tokenFile that is missing and a token",
     {"tokenFile": "{directory}/no-such.token", "token": "{visitor}"}, True),
    ("user and password", {"username": "ann", "password": "a-password-of-ann"}, False),
    ("password and a token",
     {"username": "ann", "password": "a-password-of-ann", "token": "{visitor}"}, False),
    ("nothing", {}, False),
    ("auth-provider that is gone", {"auth-provider": {"name": "gcp"}}, False),
    ("impersonation", ways.ADMIN | {"as": "way-ann"}, True),
    ("impersonation of a service account",
     ways.ADMIN | {"as": "system:serviceaccount:default:way-visitor"}, True),
    ("impersonation with groups uid and extra",
     ways.ADMIN | {"as": "way-ann", "as-groups": ["b", "a"], "as-uid": "u-1",
                   "as-user-extra": {"team": ["red", "blue"], "a/b%c": ["1"]}}, True),
    ("impersonation into a group with rights",
     ways.ADMIN | {"as": "nobody", "as-groups": ["system:masters"]}, True),
    ("impersonation into nothing", ways.ADMIN | {"as": "nobody"}, False),
    ("impersonation without the right to", ways.CERTIFICATE | {"as": "way-second"}, False),
    ("groups without a user to impersonate", ways.ADMIN | {"as-groups": ["system:masters"]}, False),
]  # fmt: skip


@pytest.mark.parametrize(("user", "enters"), ways.cases(USERS))
def test_user_entry(user: dict[str, Any], enters: bool, ground: ways.Ground) -> None:
    """With these credentials both get in and the API server sees the same user, or both fail."""
    environ = ground.environ(ground.kubeconfig(user))
    ground.compare(environ, enters=enters)
    if enters:
        ground.who(environ)


OPTIONS: list[ways.Case] = [
    ("--token", {"flags": "--token={visitor}"}, True),
    ("--token before a token", {"user": ways.TOKEN, "flags": "--token={second}"}, True),
    ("--token nobody knows", {"user": ways.TOKEN, "flags": "--token=nobody-knows-this"}, False),
    ("--client-certificate and --client-key",
     {"flags": "--client-certificate={ann} --client-key={ann_key}"}, True),
    ("--client-certificate relative to here",
     {"flags": "--client-certificate=ann.crt --client-key=ann.key"}, True),
    ("--client-certificate over one inline",
     {"user": {"client-certificate-data": "{foreign_data}", "client-key-data": "{foreign_key_data}"},
      "flags": "--client-certificate={ann} --client-key={ann_key}"}, True),
    ("--client-certificate that has expired",
     {"user": ways.CERTIFICATE, "flags": "--client-certificate={expired} --client-key={expired_key}"}, False),
    ("--server and --certificate-authority",
     {"user": ways.TOKEN, "server": {"server": "https://127.0.0.1:1", ways.CA: "{foreign_ca}"},
      "flags": "-s https://127.0.0.1:{port} --certificate-authority={ca}"}, True),
    ("--server alone with the wrong authority",
     {"user": ways.TOKEN, "server": {ways.CA: "{foreign_ca}"}, "flags": "-s https://localhost:{port}"},
     False),
    ("--server with tls-server-name of the entry",
     {"user": ways.TOKEN, "server": {"tls-server-name": "no.such.name"},
      "flags": "--server=https://127.0.0.1:{port}"}, True),
    ("--certificate-authority over one inline",
     {"user": ways.TOKEN, "server": {ways.CA: None, f"{ways.CA}-data": "{foreign_ca_data}"},
      "flags": "--certificate-authority={ca}"}, True),
    ("--certificate-authority over insecure",
     {"user": ways.TOKEN, "server": ways.INSECURE, "flags": "--certificate-authority={foreign_ca}"}, False),
    ("--insecure-skip-tls-verify over the wrong authority",
     {"user": ways.TOKEN, "server": {ways.CA: "{foreign_ca}"}, "flags": "--insecure-skip-tls-verify"}, True),
    ("--insecure-skip-tls-verify=false",
     {"user": ways.TOKEN, "flags": "--insecure-skip-tls-verify=false"}, True),
    ("--tls-server-name", {"user": ways.TOKEN, "flags": "--tls-server-name=kubernetes"}, True),
    ("--tls-server-name of another", {"user": ways.TOKEN, "flags": "--tls-server-name=no.such.name"}, False),
    ("--as", {"user": ways.ADMIN, "flags": "--as=way-ann"}, True),
    ("--as with --as-group and --as-uid",
     {"user": ways.ADMIN, "flags": "--as=x --as-group=g --as-group=system:masters --as-uid=7"}, True),
    ("--as of somebody without rights", {"user": ways.ADMIN, "flags": "--as=nobody"}, False),
    ("--as without the right to", {"user": ways.CERTIFICATE, "flags": "--as=way-second"}, False),
    ("--as-group without --as", {"user": ways.ADMIN, "flags": "--as-group=system:masters"}, False),
    ("--context that is missing", {"user": ways.TOKEN, "flags": "--context=no-such"}, False),
    ("--cluster that is missing", {"user": ways.TOKEN, "flags": "--cluster=no-such"}, False),
    ("--user that is missing", {"user": ways.TOKEN, "flags": "--user=no-such"}, False),
    ("--username and --password beside a certificate",
     {"user": ways.CERTIFICATE, "flags": "--username=ann --password=a-password-of-ann"}, True),
    ("--kubeconfig that is missing", {"user": ways.TOKEN, "flags": "--kubeconfig=no-such"}, False),
    ("--disable-compression", {"user": ways.TOKEN, "flags": "--disable-compression"}, True),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "enters"), ways.cases(OPTIONS))
def test_command_line_option(entry: dict[str, Any], enters: bool, ground: ways.Ground) -> None:
    """With these options over the kubeconfig both get in, or both fail."""
    environ = ground.environ(ground.kubeconfig(entry.get("user", {}), entry.get("server")))
    ground.compare(environ, *ground.fill(entry["flags"]).split(), enters=enters)


def test_deliberate_difference_insecure_false_checks_the_certificate(ground: ways.Ground) -> None:
    """--insecure-skip-tls-verify=false over an insecure entry: kubectl ignores it, kubevitals obeys."""
    environ = ground.environ(ground.kubeconfig(ways.TOKEN, ways.INSECURE))
    flag = "--insecure-skip-tls-verify=false"
    assert product.kubectl("get", "--raw", "/readyz", flag, environ=environ).returncode == 0
    ours = product.kubevitals("top", "nodes", flag, environ=environ)
    assert (ours.returncode, "unknown authority" in ours.stderr) == (1, True)


def test_option_for_the_user_is_the_user_that_the_server_sees(ground: ways.Ground) -> None:
    """--token goes before the token of the entry, --as with its groups arrives whole."""
    environ = ground.environ(ground.kubeconfig(ways.TOKEN))
    second = ground.words["second"]
    assert ground.who(environ, f"--token={second}", token=second)["username"].endswith(":way-second")
    environ = ground.environ(ground.kubeconfig(ways.ADMIN))
    flags = ("--as=way-ann", "--as-group=b", "--as-group=a", "--as-uid=7")
    seen = ground.who(environ, *flags, as_user="way-ann", as_groups=["b", "a"], as_uid="7")
    assert (seen["username"], seen["groups"][:2], seen["uid"]) == ("way-ann", ["b", "a"], "7")
