"""May this account do something? One SelfSubjectAccessReview says so, which every account may make."""

from __future__ import annotations

from kubevitals import errors
from kubevitals.kube.http import plainjson

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kubevitals.kube import client as kube_client

_PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def may(
    client: kube_client.Client,
    verb: str,
    resource: str,
    *,
    subresource: str = "",
    group: str = "",
    namespace: str = "",
) -> bool | None:
    """Return whether the cluster allows it; None where it does not say.

    Raises:
        errors.ClusterError: the cluster does not answer.
    """
    attributes = {"verb": verb, "resource": resource, "subresource": subresource, "group": group}
    if namespace:
        attributes["namespace"] = namespace
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    import json

    try:
        answer = plainjson.loads(client.post(_PATH, json.dumps(review).encode()))
        return bool(answer["status"]["allowed"])
    except (errors.ForbiddenError, errors.NotFoundError, ValueError, KeyError, TypeError):
        return None  # some clusters take even this right away: then only trying tells
