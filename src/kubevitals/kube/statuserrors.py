"""Error statuses of the API server in words, and the RBAC rule that a 403 asks for.

Loaded only when a request was refused.
"""

from __future__ import annotations

import json
import re

from kubevitals import errors, sanitize
from kubevitals.kube import resourceattributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

_CLASSES: dict[int, type[errors.StatusError]] = {
    401: errors.UnauthorizedError,
    403: errors.ForbiddenError,
    404: errors.NotFoundError,
    410: errors.GoneError,
    429: errors.RateLimitedError,
    503: errors.UnavailableError,
}
_REMEDIES = {
    400: "Check the selector: the server cannot read it, or another option of the request.",
    404: "Does the cluster have this API and this name? List its APIs: kubectl api-resources",
    405: "This API does not support the request; its server may be of another version.",
    406: "The server offers no form of the answer that was asked for.",
    410: "The position in the list has expired: list again.",
    429: "The API server limits how often it may be asked. Wait, or ask less often.",
    500: "This is the server's own failure; its log says more. Try again.",
    503: "The server behind this API does not answer, or not yet: kubectl get apiservices",
    504: "The API server ran out of time. Try again, or ask for less at once.",
}
# What each kind of credential can do about a 401.
_RENEWALS = {
    "anonymous": "No credential was sent: give the kubeconfig's user one, or --token.",
    "token": "The token may have expired: fetch a new one, or log in again.",
    "token file": "The token in the token file may have expired; is anything renewing it?",
    "basic": "API servers since Kubernetes 1.19 accept no user and password: use a token or a certificate.",
    "certificate": "The client certificate may have expired or belong to another cluster: renew it.",
    "exec": "Log in again with the tool that the user's exec plugin calls.",
    "oidc": "Log in again at the identity provider: the refreshed token was refused too.",
    "service account": "Is the pod's service account deleted, or its token mounted from another cluster?",
}
_ANONYMOUS = "system:anonymous"
_UNRECOGNIZED = (
    "A credential was sent, but the server behind this API does not know whose. It may have just started: "
    "try again. If it stays so, it cannot read kube-system's ConfigMap extension-apiserver-authentication."
)
_FORBIDDEN_RESOURCE = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>[a-z*]+) resource "(?P<resource>[^"]+)" '
    r'in API group "(?P<group>[^"]*)"(?: in the namespace "(?P<namespace>[^"]+)"| at the cluster scope)?'
)
_FORBIDDEN_PATH = re.compile(r'User "(?P<user>[^"]*)" cannot (?P<verb>[a-z*]+) path "(?P<path>[^"]+)"')
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:@/_*-]{0,252}\Z")  # may stand in a shell command and in YAML


def from_status(
    status: int,
    reason: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    request: str,
    query: Sequence[tuple[str, str]] = (),
    attributes: resourceattributes.ResourceAttributes | None = None,
    who: str = "",
) -> errors.StatusError:
    """Return the error for an answer that is no success: a Status object, plain text or anything.

    `who` is the kind of credential that was sent, `attributes` what was asked for, if the request does not
    say it.
    """
    content = parse_status(body)
    said = sanitize.excerpt(content.get("message", "") if content else _plain_text(body, headers))
    about = attributes or resourceattributes.parse_request(*_split_request(request), query)
    remedy: str | None = _REMEDIES.get(status)
    right: resourceattributes.ResourceAttributes | None = None
    unrecognized = False
    if status == 401:
        message = f"the cluster does not accept the credentials ({who or 'of unknown kind'})"
        remedy = _RENEWALS.get(who, "Renew the credentials of the kubeconfig's user.")
    elif status == 403:
        message, remedy, right = _describe_forbidden(content, about, said)
        if message.startswith(_ANONYMOUS + " may not ") and who:
            # To grant rights to anonymous would open the cluster to everybody.
            unrecognized = who != "anonymous"
            remedy = _UNRECOGNIZED if unrecognized else _RENEWALS[who]
            right = None if unrecognized else right
    elif 300 <= status < 400:
        message = f"the server redirects {request} ({status}), and redirects are not followed"
        remedy = "The address may be that of a login page or a proxy; give the API server's own."
    else:
        message = f"{request} failed: {status} {sanitize.excerpt(reason, 60)}".rstrip() + (
            f": {said}" if said else ""
        )
    if said and status in (401, 403) and said not in message and said != "Unauthorized":
        message += f": {said}"
    kind = _CLASSES.get(status, errors.StatusError)
    error = kind(
        message,
        remedy=remedy,
        request=request,
        status=status,
        reason=sanitize.excerpt(reason, 60),
        body=sanitize.excerpt(body),
        headers=dict(headers),
    )
    error.content = body
    if isinstance(error, errors.ForbiddenError):
        error.right = right
        error.rule = None if right is None else right.rule
        error.unrecognized = unrecognized
    return error


def parse_status(body: bytes) -> dict[str, Any] | None:
    """Return the Kubernetes Status object in an answer; None if it holds something else."""
    if body.lstrip()[:1] != b"{" or len(body) > 1 << 20:
        return None
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or content.get("kind") != "Status":
        return None
    if not isinstance(content.get("message"), str):
        content["message"] = ""
    return content


def _plain_text(body: bytes, headers: Mapping[str, str]) -> str:
    if "html" in headers.get("content-type", "") or body[:512].lstrip().lower().startswith(
        (b"<!doctype", b"<html")
    ):
        return "an HTML page"
    return body[:4096].decode("utf-8", "replace")


def _split_request(request: str) -> tuple[str, str]:
    method, _, path = request.partition(" ")
    return method, path


def _describe_forbidden(
    content: dict[str, Any] | None, about: resourceattributes.ResourceAttributes, said: str
) -> tuple[str, str, resourceattributes.ResourceAttributes | None]:
    """Message, remedy and missing right: from the server's usual words, or from the request."""
    text = str(content.get("message", ""))[:2000] if content else said
    user = ""
    if match := _FORBIDDEN_RESOURCE.search(text):
        user = match["user"]
        about = resourceattributes.ResourceAttributes(
            match["verb"],
            match["resource"],
            group=match["group"],
            namespace=match["namespace"] or "",
            path=about.path,
            user=user,
        )
    elif match := _FORBIDDEN_PATH.search(text):
        user = match["user"]
        about = resourceattributes.ResourceAttributes(match["verb"], path=match["path"], user=user)
    shown = sanitize.excerpt(user, 80) or "the user"
    message = f"{shown} may not {sanitize.excerpt(str(about), 160)}"
    parts = (about.verb, about.resource or about.path.lstrip("/") or "x", about.group, about.namespace)
    if not all(_PLAIN.match(part) for part in parts if part):
        return message, "Ask the cluster's administrator for the right.", None
    return message, _write_commands(about, user), about


def _write_commands(about: resourceattributes.ResourceAttributes, user: str) -> str:
    """The kubectl commands that grant it."""
    target = f"--resource={about.full_resource}" if about.resource else f"--non-resource-url={about.path}"
    words = f"{about.verb}-{about.full_resource or about.path}"
    name = "kubevitals-" + re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:50]
    kind, scope = ("role", f" -n {about.namespace}") if about.namespace else ("clusterrole", "")
    if user.startswith("system:serviceaccount:") and user.count(":") == 3 and _PLAIN.match(user):
        whom = "--serviceaccount=" + user.removeprefix("system:serviceaccount:")
    else:
        whom = "--user=" + (user if _PLAIN.match(user) else "USER")
    return (
        f"Someone who may can allow it: kubectl create {kind} {name}{scope} --verb={about.verb} {target} "
        f"&& kubectl create {kind}binding {name}{scope} --{kind}={name} {whom}"
    )


def not_json(body: bytes, *, request: str = "", content_type: str = "") -> errors.NotJSONError:
    """Return the error for an answer that is no JSON; an HTML page is named as what it probably is."""
    start = body[:512].lstrip().lower()
    if "html" in content_type.lower() or start.startswith((b"<!doctype html", b"<html")):
        return errors.NotJSONError(
            "the answer is an HTML page, not JSON: a login page or a proxy stands before the cluster",
            remedy="Check the server's address, and log in to what stands before it.",
            request=request,
        )
    what = f"it begins with {sanitize.excerpt(body[:400], 60)!r}" if start else "it is empty"
    return errors.NotJSONError(
        f"the answer is not JSON: {what}",
        remedy="Is this the address of a Kubernetes API server?",
        request=request,
    )


def parse_warnings(value: str) -> list[str]:
    """Return the texts of a Warning header, which the API server sends for deprecated APIs: 299 - "text"."""
    return [
        sanitize.excerpt(re.sub(r"\\(.)", r"\1", text))
        for text in re.findall(r'\b299 \S+ "((?:[^"\\]|\\.)*)"', value[:16384])
    ]
