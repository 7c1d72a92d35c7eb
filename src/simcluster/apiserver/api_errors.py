"""Errors of the API server as Status objects, in the real server's words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from simcluster.http import messages

if TYPE_CHECKING:
    from collections.abc import Sequence


class StatusError(Exception):
    """An error that the client receives as a Status object. The handler turns it into the response."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.headers = headers
        self.status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": metadata or {},
            "status": "Failure",
            "message": message,
        }
        if reason:
            self.status["reason"] = reason
        if details is not None:
            self.status["details"] = details
        self.status["code"] = code


def encode(value: object) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def response(error: StatusError) -> messages.Response:
    """The HTTP response for `error`."""
    return messages.Response(error.code, encode(error.status) + b"\n", headers=error.headers)


def text_response(code: int, text: str, *, headers: tuple[tuple[str, str], ...] = ()) -> messages.Response:
    """A response in plain text, as the layers around the API server send them."""
    marks = (("X-Content-Type-Options", "nosniff"), *headers)
    return messages.Response(
        code, (text + "\n").encode(), content_type="text/plain; charset=utf-8", headers=marks
    )


def qualified(resource: str, group: str) -> str:
    """The resource with its group: `pods`, or `deployments.apps`."""
    return f"{resource}.{group}" if group else resource


def _details(resource: str, group: str, name: str = "") -> dict[str, Any]:
    details: dict[str, Any] = {}
    if name:
        details["name"] = name
    if group:
        details["group"] = group
    if resource:
        details["kind"] = resource
    return details


def unauthorized() -> StatusError:
    """401."""
    return StatusError(401, "Unauthorized", "Unauthorized")


def bad_request(message: str) -> StatusError:
    """400."""
    return StatusError(400, "BadRequest", message)


def impersonated_nobody(groups: Sequence[str], *, uid: str) -> StatusError:
    """400 for headers that impersonate a group or uid, and no user."""
    listed = f"{{{', '.join(json.dumps(group) for group in groups)}}}" if groups else "(nil)"
    user = (
        f'&user.DefaultInfo{{Name:"", UID:"{uid}", Groups:[]string{listed}, Extra:map[string][]string(nil)}}'
    )
    return bad_request(f"requested {user} without impersonating a user name")


def not_found(resource: str, group: str, name: str) -> StatusError:
    """404 for a name that is not there."""
    message = f'{qualified(resource, group)} "{name}" not found'
    return StatusError(404, "NotFound", message, details=_details(resource, group, name))


def unknown_resource() -> StatusError:
    """404 for a path below a known group that names no resource."""
    return StatusError(404, "NotFound", "the server could not find the requested resource", details={})


def method_not_allowed() -> StatusError:
    """405 for a verb that the path does not support."""
    message = "the server does not allow this method on the requested resource"
    return StatusError(405, "MethodNotAllowed", message, details={})


def not_supported(resource: str, group: str, verb: str) -> StatusError:
    """405 for a verb that the storage of the resource does not support."""
    message = f'{verb} is not supported on resources of kind "{qualified(resource, group)}"'
    return StatusError(405, "MethodNotAllowed", message, details=_details(resource, group))


def not_acceptable(*, lists: bool = False, transformed: bool = False) -> StatusError:
    """406, for a list, an object, or another form of them; the media types are the real server's."""
    media = "application/json, application/yaml, application/vnd.kubernetes.protobuf"
    if transformed:
        return StatusError(406, "NotAcceptable", f"only the following media types are accepted: {media}")
    if lists:
        media += ", application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch"
    message = f"406: Not Acceptable\n\nAvailable representations: {media}"
    return StatusError(406, "NotAcceptable", message, details={})


def invalid_option(message: str, *, reason: str = "FieldValueForbidden") -> StatusError:
    """422 for a resourceVersionMatch that does not go with the rest of a list's options."""
    return _invalid("ListOptions.meta.k8s.io", "resourceVersionMatch", message, reason=reason)


def invalid_review(field: str, message: str) -> StatusError:
    """422 for an access review with a bad `field` in its spec."""
    return _invalid(".authorization.k8s.io", f"spec.{field}", message, reason="FieldValueInvalid")


def _invalid(kind: str, field: str, message: str, *, reason: str) -> StatusError:
    name, _, group = kind.partition(".")
    details: dict[str, Any] = {"group": group}
    if name:
        details["kind"] = name
    details["causes"] = [{"reason": reason, "message": message, "field": field}]
    return StatusError(422, "Invalid", f'{kind} "" is invalid: {field}: {message}', details=details)


def forbidden(
    user: str, verb: str, resource: str, *, group: str, namespace: str, name: str, subresource: str = ""
) -> StatusError:
    """403 as the RBAC authorizer words it."""
    subject = qualified(resource, group) + (f' "{name}"' if name else "")
    full = f"{resource}/{subresource}" if subresource else resource
    scope = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    wish = f'{verb} resource "{full}" in API group "{group}" {scope}'
    message = f'{subject} is forbidden: User "{user}" cannot {wish}'
    return StatusError(403, "Forbidden", message, details=_details(resource, group, name))


def forbidden_path(user: str, verb: str, path: str) -> StatusError:
    """403 for a path that is no resource."""
    return StatusError(403, "Forbidden", f'forbidden: User "{user}" cannot {verb} path "{path}"', details={})


_CONTINUE_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new "
    "list without the continue parameter, or use the continue token in this response to retrieve the "
    "remainder of the results. Continuing with the provided token results in an inconsistent list - objects "
    "that were created, modified, or deleted between the time the first chunk was returned and now may show "
    "up in the list."
)


def continue_expired(token: str) -> StatusError:
    """410 for an old continue token; `token` reads the rest, inconsistently."""
    return StatusError(410, "Expired", _CONTINUE_EXPIRED, metadata={"continue": token})


def list_expired() -> StatusError:
    """410 for an exact resource version that is no longer kept."""
    return StatusError(410, "Expired", "The resourceVersion for the provided list is too old.")


def watch_expired(wanted: int, oldest: int) -> StatusError:
    """410 as an ERROR event carries it."""
    return StatusError(410, "Expired", f"too old resource version: {wanted} ({oldest})")


def too_large_version(wanted: int, current: int) -> StatusError:
    """504 for a resource version from the future."""
    return StatusError(
        504,
        "Timeout",
        f"Timeout: Too large resource version: {wanted}, current: {current}",
        details={
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1,
        },
    )
