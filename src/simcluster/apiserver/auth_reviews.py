"""The review APIs of authentication and authorization, answered for the users of the simulated cluster."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from simcluster.apiserver import api_errors, authorizer, go_formats, review_protobuf

if TYPE_CHECKING:
    from simcluster import apiobjects


def answer(
    resource: apiobjects.Resource,
    namespace: str,
    body: bytes,
    *,
    user: authorizer.User,
    registry: authorizer.Registry,
    now: float,
) -> dict[str, Any]:
    """The review in `body`, completed with its status; StatusError 400 if the body is no such object."""
    review = _parse(body, resource)
    given = review.get("spec")
    spec: dict[str, Any] = given if isinstance(given, dict) else {}
    if resource.kind == "SelfSubjectReview":
        review["metadata"] = {"creationTimestamp": go_formats.format_time(now)}
        review["status"] = {"userInfo": user.info()}
    elif resource.kind == "TokenReview":
        if not spec.get("token"):
            raise api_errors.bad_request("token is required for TokenReview in authentication")
        review["status"] = _token_status(spec, registry)
        review["spec"] = {}  # the token is not echoed
    elif resource.kind == "SelfSubjectRulesReview":
        review["status"] = _rules_status(user, str(spec.get("namespace", "")))
        review["spec"] = {}
    elif resource.kind == "SelfSubjectAccessReview":
        review["status"] = _access_status(spec, user)
    else:
        if resource.kind == "LocalSubjectAccessReview":
            attributes = spec.get("resourceAttributes")
            asked = attributes.get("namespace", "") if isinstance(attributes, dict) else ""
            if asked != namespace:
                shown = json.dumps(asked)
                raise api_errors.invalid_review(
                    "resourceAttributes.namespace", f"Invalid value: {shown}: must match metadata.namespace"
                )
        if not spec.get("user") and not spec.get("groups"):
            raise api_errors.invalid_review(
                "user", 'Invalid value: "": at least one of user or group must be specified'
            )
        review["status"] = _access_status(spec, _subject(spec, registry))
    review.setdefault("metadata", {})
    return review


def _parse(body: bytes, resource: apiobjects.Resource) -> dict[str, Any]:
    try:
        protobuf = body.startswith(review_protobuf.MAGIC)
        review = review_protobuf.read_review(body) if protobuf else json.loads(body)
    except (ValueError, RecursionError) as error:
        raise api_errors.bad_request(
            f"the object provided is unrecognized (must be of type {resource.kind})"
        ) from error
    if not isinstance(review, dict) or review.get("kind", resource.kind) != resource.kind:
        given = str(review.get("kind"))[:100] if isinstance(review, dict) else ""
        raise api_errors.bad_request(
            f'{given} in version "v1" cannot be handled as a {resource.kind}: no kind "{given}" is '
            f'registered for version "{resource.api_version}" in scheme "pkg/runtime/scheme.go:111"'
        )
    return {**review, "kind": resource.kind, "apiVersion": resource.api_version}


def _subject(spec: dict[str, Any], registry: authorizer.Registry) -> authorizer.User:
    groups = spec.get("groups")
    names = [str(group) for group in groups] if isinstance(groups, list) else []
    return registry.act_as(str(spec.get("user", "")), names)


def _token_status(spec: dict[str, Any], registry: authorizer.Registry) -> dict[str, Any]:
    user = registry.by_token(str(spec.get("token", "")))
    if user is None:
        return {"user": {}, "error": "[invalid bearer token]"}
    return {
        "authenticated": True,
        "user": user.info(),
        "audiences": ["https://kubernetes.default.svc.cluster.local"],
    }


def _access_status(spec: dict[str, Any], user: authorizer.User) -> dict[str, Any]:
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if isinstance(resource, dict) and isinstance(path, dict):
        shown = json.dumps(
            {"Path": path.get("path", ""), "Verb": path.get("verb", "")}, separators=(",", ":")
        )
        raise api_errors.invalid_review(
            "nonResourceAttributes",
            f"Invalid value: {shown}: cannot be specified in combination with resourceAttributes",
        )
    if isinstance(resource, dict):
        text = {key: str(value) for key, value in resource.items()}
        wanted = authorizer.Attributes(
            text.get("verb", ""),
            group=text.get("group", ""),
            version=text.get("version", ""),
            resource=text.get("resource", ""),
            subresource=text.get("subresource", ""),
            namespace=text.get("namespace", ""),
            name=text.get("name", ""),
        )
    elif isinstance(path, dict):
        wanted = authorizer.Attributes(str(path.get("verb", "")), path=str(path.get("path", "")) or "/")
    else:
        raise api_errors.invalid_review(
            "resourceAttributes",
            "Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be "
            "specified",
        )
    if not user.allows(wanted):
        return {"allowed": False}
    # whom nothing is forbidden to, RBAC is not asked about
    return (
        {"allowed": True} if user.master else {"allowed": True, "reason": "RBAC: allowed by the simulation"}
    )


def _rules_status(user: authorizer.User, namespace: str) -> dict[str, Any]:
    rules = [
        {"verbs": list(rule.verbs), "apiGroups": list(rule.groups), "resources": list(rule.resources)}
        for rule in user.every_rule()
        if rule.namespace in {None, namespace}
    ]
    paths = [{"verbs": ["get"], "nonResourceURLs": list(user.paths())}]
    return {"resourceRules": rules, "nonResourceRules": paths, "incomplete": False}
