"""Responses to paths that are no resources: discovery, version, health."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simcluster.apiserver import api_errors, discovery, metrics_server
from simcluster.http import messages

if TYPE_CHECKING:
    from collections.abc import Sequence

HEALTH = {"/healthz", "/livez", "/readyz"}
_CHECKS = ("ping", "log", "etcd", "informer-sync", "poststarthook/start-apiserver-admission-initializer")


def json_response(value: dict[str, Any]) -> messages.Response:
    """A response of 200 with a decoded object."""
    return messages.Response(200, api_errors.encode(value) + b"\n")


def answer(
    path: str, request: messages.Request, versions: Sequence[str], *, unavailable: bool
) -> messages.Response:
    """The response to `path`. `versions` are those of the metrics API, `unavailable` if it does not
    answer.
    """
    if request.method not in {"GET", "HEAD"}:
        raise api_errors.method_not_allowed()
    root = path.split("/")[1]
    if f"/{root}" in HEALTH:
        return _answer_health(path, request)
    if path == "/version":
        return json_response(discovery.VERSION)
    if path == "/":
        return json_response({"paths": ["/api", "/api/v1", "/apis", *sorted(HEALTH), "/version"]})
    found = None
    if root in {"api", "apis"}:
        found = _discover(path.split("/")[1:], request, versions, unavailable=unavailable)
    if found is not None:
        return found
    parts = path.split("/")[1:]
    if (root == "api" and len(parts) == 2) or (
        root == "apis" and len(parts) == 3 and _known(parts[1], versions)
    ):
        raise api_errors.unknown_resource()
    return api_errors.text_response(404, "404 page not found")


def _known(group: str, versions: Sequence[str]) -> bool:
    return group != metrics_server.GROUP and discovery.group(group, versions) is not None


def _discover(
    parts: list[str], request: messages.Request, versions: Sequence[str], *, unavailable: bool
) -> messages.Response | None:
    core = parts[0] == "api"
    if len(parts) == 1:
        form = discovery.choose_aggregated(request.headers.get("accept", ""))
        if form is not None:
            found = discovery.aggregated(form, versions, core=core, stale=unavailable)
            media = discovery.aggregated_type(form)
            return messages.Response(200, api_errors.encode(found) + b"\n", content_type=media)
        host = request.headers.get("host", "")[:200]
        return json_response(discovery.api_versions(host) if core else discovery.group_list(versions))
    if core:
        shown = discovery.resource_list("", parts[1], versions)
    elif len(parts) == 2:
        shown = discovery.group(parts[1], versions)
    elif parts[1] == metrics_server.GROUP and parts[2] in versions and unavailable:
        return api_errors.text_response(503, "service unavailable")
    else:
        shown = discovery.resource_list(parts[1], parts[2], versions)
    return None if shown is None else json_response(shown)


def _answer_health(path: str, request: messages.Request) -> messages.Response:
    name = path.split("/")[1]
    single = path.removeprefix(f"/{name}").strip("/")
    if single:
        if single not in _CHECKS:
            return api_errors.text_response(404, "404 page not found")
        return messages.Response(200, b"ok", content_type="text/plain; charset=utf-8")
    text = "ok"
    if "verbose" in request.query:
        lines = [f"[+]{check} ok" for check in _CHECKS]
        text = "\n".join([*lines, f"{name} check passed", ""])
    return messages.Response(200, text.encode(), content_type="text/plain; charset=utf-8")
