"""Access reviews: who this account is and whether it may do something, which every account may ask."""

from __future__ import annotations

from kubevitals import cpython, errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kubevitals.kube import client as kube_client
    from kubevitals.kube import resourceattributes

_SELF = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
_PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def is_allowed(client: kube_client.Client, right: resourceattributes.ResourceAttributes) -> bool | None:
    """Return whether the cluster allows that to the client's account; None where it does not say.

    Raises:
        errors.ClusterError: the cluster does not answer.
    """
    resource, _, subresource = right.resource.partition("/")
    attributes = {
        "verb": right.verb,
        "resource": resource,
        "subresource": subresource,
        "group": right.group,
    }
    if right.name:
        attributes["name"] = right.name
    if right.namespace:
        attributes["namespace"] = right.namespace
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    import json

    try:
        answer = cpython.parse_json(client.post(_PATH, json.dumps(review).encode()))
        return bool(answer["status"]["allowed"])
    except (errors.ForbiddenError, errors.NotFoundError, ValueError, KeyError, TypeError):
        return None  # some clusters take even this right away: then only trying tells


def whoami(client: kube_client.Client) -> str:
    """Return the account's name as the cluster knows it; empty where it does not say."""
    import json

    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        answer = cpython.parse_json(client.post(_SELF, json.dumps(body).encode()))
        return str(answer["status"]["userInfo"]["username"])
    except (errors.KubevitalsError, ValueError, KeyError, TypeError):
        return ""
