"""An exec plugin as a kubeconfig describes it, and the reading of what it answers.

The protocol is client.authentication.k8s.io, v1 and v1beta1. Nothing here starts a process. No message holds
the plugin's arguments, environment or output, but the last line of its error output, without credentials.
"""

from __future__ import annotations

import os

from kubevitals import errors, sanitize
from kubevitals.kube.auth import credentials, kubeconfig_file
from kubevitals.kube.http import authentication

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NamedTuple
else:
    from kubevitals.namedtuple import NamedTuple

_GROUP = "client.authentication.k8s.io/"
_MODES = ("Never", "IfAvailable", "Always")
_SECRET_NAMES = ("token", "secret", "password", "passwd", "key", "credential")


class Plugin(NamedTuple):
    """What a user entry says of its plugin. `repr` shows the command alone."""

    command: str
    where: str
    api_version: str = _GROUP + "v1"
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = {}
    hint: str = ""
    mode: str = "IfAvailable"
    provide_cluster_info: bool = False

    def __repr__(self) -> str:
        return f"<Plugin {self.name}>"

    @property
    def name(self) -> str:
        """The command for messages."""
        return sanitize.excerpt(self.command)


def parse_plugin(user: kubeconfig_file.Entry) -> Plugin:
    """Return the plugin of a user entry.

    Raises:
        errors.ConfigurationError: it is not complete, or of a version nobody supports any more.
    """
    entry = kubeconfig_file.Entry("exec of user", user.name, body=user.mapping("exec"), path=user.path)
    version, command, mode = entry.text("apiVersion"), entry.text("command"), entry.text("interactiveMode")
    if version == _GROUP + "v1alpha1":
        raise entry.wrong(
            "apiVersion",
            "is v1alpha1, which Kubernetes 1.24 removed",
            remedy="Update the plugin and its entry to client.authentication.k8s.io/v1.",
        )
    if version not in {_GROUP + "v1", _GROUP + "v1beta1"}:
        what = f'is "{sanitize.excerpt(version)}"' if version else "is missing"
        raise entry.wrong("apiVersion", what, remedy=f"Write {_GROUP}v1 or {_GROUP}v1beta1.")
    if not command or "\0" in command:
        raise entry.wrong("command", "is missing" if not command else "is no command")
    if not mode and version.endswith("/v1beta1"):
        mode = "IfAvailable"  # v1 has no default
    if mode not in _MODES:
        what = f'is "{sanitize.excerpt(mode)}"' if mode else "is missing"
        raise entry.wrong("interactiveMode", what, remedy="Write Never, IfAvailable or Always.")
    return Plugin(
        entry.resolve(command) if os.sep in command else command,  # else it is looked up in PATH
        user.where,
        api_version=version,
        args=tuple(entry.texts("args")),
        env=_parse_env(entry),
        hint=entry.text("installHint"),
        mode=mode,
        provide_cluster_info=entry.flag("provideClusterInfo"),
    )


def _parse_env(entry: kubeconfig_file.Entry) -> dict[str, str]:
    env: dict[str, str] = {}
    for item in entry.items("env"):
        pair = kubeconfig_file.Entry("env of " + entry.kind, entry.name, body=item, path=entry.path)
        name, value = pair.text("name"), pair.text("value")
        if not name or "=" in name or "\0" in name + value:
            raise pair.wrong("name", "is missing or cannot name a variable")
        env[name] = value
    return env


def clean_complaint(text: str, plugin: Plugin) -> str:
    """Return a line of a plugin's error output for a message, without anything that may be a secret."""
    pairs = [*plugin.env.items(), *(arg.partition("=")[::2] for arg in plugin.args)]
    secrets = [
        value
        for name, value in pairs
        if len(value) > 3 and any(word in name.lower() for word in _SECRET_NAMES)
    ]
    return sanitize.excerpt(text, secrets=secrets, opaque=True)


def parse_answer(output: bytes, plugin: Plugin) -> tuple[authentication.Credential, float | None]:
    """Return the credential in a plugin's answer and when it expires: seconds since 1970, None for never."""
    import json

    try:
        answer = json.loads(output)
    except (ValueError, RecursionError):
        raise _bad_answer(plugin, "is not JSON" if output.strip() else "is empty") from None
    if not isinstance(answer, dict) or answer.get("kind") != "ExecCredential":
        raise _bad_answer(plugin, "is not an ExecCredential")
    if answer.get("apiVersion") != plugin.api_version:
        got = sanitize.excerpt(str(answer.get("apiVersion")))[:80]
        raise _bad_answer(plugin, f"is of {got}, while the kubeconfig says {plugin.api_version}")
    status = answer.get("status")
    if not isinstance(status, dict):
        raise _bad_answer(plugin, "has no status")
    found = {name: status.get(name) or "" for name in ("token", "clientCertificateData", "clientKeyData")}
    if not all(isinstance(value, str) for value in found.values()):
        raise _bad_answer(plugin, "has something else than text in its status")
    token, certificate, key = found.values()
    if not (token or certificate or key):
        raise _bad_answer(plugin, "has neither a token nor a certificate")
    if bool(certificate) != bool(key):
        raise _bad_answer(plugin, "has only one of certificate and key")
    credential = authentication.Credential(
        credentials.bearer(token, f"exec plugin {plugin.name}") if token else None,
        certificate=certificate.encode() or None,
        key=key.encode() or None,
    )
    return credential, _parse_expiry(status.get("expirationTimestamp"), plugin)


def _parse_expiry(text: object, plugin: Plugin) -> float | None:
    if text is None:
        return None
    from datetime import UTC, datetime

    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        if moment is not None:
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            # Go's time that was never set means never, as in kubectl.
            return None if moment == datetime.min.replace(tzinfo=UTC) else moment.timestamp()
    except (ValueError, OverflowError):
        pass
    raise _bad_answer(plugin, "has an expirationTimestamp that is no RFC 3339 time")


def _bad_answer(plugin: Plugin, what: str) -> errors.CredentialsError:
    return errors.CredentialsError(
        f"the answer of exec plugin {plugin.name} of {plugin.where} {what}",
        remedy="Update the plugin, or correct the apiVersion of its entry.",
    )
