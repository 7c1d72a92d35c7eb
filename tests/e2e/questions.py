"""The requests that `make record` makes: what kubectl and kubevitals ask, well and badly.

Names stand for themselves in braces; what they are is said by record.py for the real cluster and by the
tests for the simulated one. Recording and simulation are asked the same.
"""

from __future__ import annotations

from typing import Any

from tests import recordings

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
METADATA = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

PODS = "/api/v1/namespaces/{namespace}/pods"
POD = PODS + "/{pod}"
NODES = "/api/v1/nodes"
APPS = "/apis/apps/v1/namespaces/{namespace}"
METRICS = "/apis/metrics.k8s.io/v1beta1"
POD_METRICS = METRICS + "/namespaces/{namespace}/pods"
AUTHORIZATION = "/apis/authorization.k8s.io/v1"
AUTHENTICATION = "/apis/authentication.k8s.io/v1"


def _ask(path: str, query: dict[str, str] | None = None, /, **options: Any) -> recordings.Request:
    return recordings.Request(path, query or {}, **options)


def _review(path: str, kind: str, spec: dict[str, Any] | None, /, **options: Any) -> recordings.Request:
    group = path.split("/")[2]
    body: dict[str, Any] = {"apiVersion": f"{group}/v1", "kind": kind}
    if spec is not None:
        body["spec"] = spec
    if "/namespaces/" in path:
        body["metadata"] = {"namespace": "{namespace}"}
    return recordings.Request(path, {}, method="POST", body=body, **options)


_DISCOVERY = {
    "version": _ask("/version"),
    "livez": _ask("/livez"),
    "readyz": _ask("/readyz"),
    "api": _ask("/api"),
    "api-aggregated": _ask("/api", accept=DISCOVERY),
    "apis": _ask("/apis"),
    "apis-aggregated": _ask("/apis", accept=DISCOVERY),
    "core": _ask("/api/v1"),
    "apps": _ask("/apis/apps/v1"),
    "autoscaling": _ask("/apis/autoscaling/v2"),
    "batch": _ask("/apis/batch/v1"),
    "authorization": _ask(AUTHORIZATION),
    "authentication": _ask(AUTHENTICATION),
    "metrics-group": _ask("/apis/metrics.k8s.io"),
    "metrics": _ask(METRICS),
    "unknown-core-version": _ask("/api/v2"),
    "unknown-group": _ask("/apis/nothing.example"),
    "unknown-version": _ask("/apis/apps/v7"),
    "unknown-path": _ask("/nothing"),
}

_OBJECTS = {
    "nodes": _ask(NODES),
    "node": _ask(NODES + "/{node}"),
    "pods": _ask(PODS),
    "pod": _ask(POD),
    "namespaces": _ask("/api/v1/namespaces"),
    "namespace": _ask("/api/v1/namespaces/{namespace}"),
    "deployments": _ask(APPS + "/deployments"),
    "deployment": _ask(APPS + "/deployments/{deployment}"),
    "replicasets": _ask(APPS + "/replicasets"),
    "statefulsets": _ask(APPS + "/statefulsets"),
    "daemonsets": _ask(APPS + "/daemonsets"),
    "jobs": _ask("/apis/batch/v1/namespaces/{namespace}/jobs"),
    "cronjobs": _ask("/apis/batch/v1/namespaces/{namespace}/cronjobs"),
    "horizontalpodautoscalers": _ask("/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers"),
    "events": _ask("/api/v1/namespaces/{namespace}/events", {"fieldSelector": "reason=Scheduled"}),
    "services": _ask("/api/v1/namespaces/{namespace}/services"),
    "endpointslices": _ask("/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"),
    "persistentvolumeclaims": _ask("/api/v1/namespaces/{namespace}/persistentvolumeclaims"),
    "resourcequotas": _ask("/api/v1/namespaces/{namespace}/resourcequotas"),
    "limitranges": _ask("/api/v1/namespaces/{namespace}/limitranges"),
    "configmaps": _ask("/api/v1/namespaces/{namespace}/configmaps"),
    "serviceaccounts": _ask("/api/v1/namespaces/{namespace}/serviceaccounts"),
    "leases": _ask("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"),
    "apiservice": _ask("/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io"),
    "empty": _ask("/api/v1/namespaces/kube-public/pods"),
    "empty-namespace-that-is-not-there": _ask("/api/v1/namespaces/nowhere/pods"),
}

_FORMS = {
    "pods-metadata": _ask(PODS, accept=METADATA_LIST),
    "jobs-metadata": _ask("/apis/batch/v1/namespaces/{namespace}/jobs", accept=METADATA_LIST),
    "replicasets-metadata": _ask(APPS + "/replicasets", accept=METADATA_LIST),
    "pod-metadata": _ask(POD, accept=METADATA),
    "pods-table": _ask(PODS, accept=TABLE),
    "pods-table-first-choice": _ask(PODS, {"limit": "1"}, accept=f"{TABLE},application/json"),
    "pods-table-no-object": _ask(PODS, {"includeObject": "None"}, accept=TABLE),
    "pods-table-whole-object": _ask(PODS, {"includeObject": "Object", "limit": "1"}, accept=TABLE),
    "pod-table": _ask(POD, accept=TABLE),
    "nodes-table": _ask(NODES, accept=TABLE),
    "namespaces-table": _ask("/api/v1/namespaces", accept=TABLE),
    "deployments-table": _ask(APPS + "/deployments", accept=TABLE),
    "replicasets-table": _ask(APPS + "/replicasets", accept=TABLE),
    "statefulsets-table": _ask(APPS + "/statefulsets", accept=TABLE),
    "daemonsets-table": _ask(APPS + "/daemonsets", accept=TABLE),
    "jobs-table": _ask("/apis/batch/v1/namespaces/{namespace}/jobs", accept=TABLE),
    "cronjobs-table": _ask("/apis/batch/v1/namespaces/{namespace}/cronjobs", accept=TABLE),
    "horizontalpodautoscalers-table": _ask(
        "/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers", accept=TABLE
    ),
    "services-table": _ask("/api/v1/namespaces/{namespace}/services", accept=TABLE),
    "persistentvolumeclaims-table": _ask(
        "/api/v1/namespaces/{namespace}/persistentvolumeclaims", accept=TABLE
    ),
    "empty-table": _ask("/api/v1/namespaces/kube-public/pods", accept=TABLE),
}

_GOOD_LABELS = {
    "equal": "{label}",
    "double-equal": "app=={deployment}",
    "not-equal": "app!={deployment}",
    "in": "app in ({deployment}, other)",
    "not-in": "app notin ({deployment})",
    "exists": "app",
    "absent": "!app",
    "two": "{label},app in ({deployment})",
    "number": "app>1",
    "nothing": "app=no-such-app",
}
_BAD_LABELS = {
    "label-twice-equal": "a=b=c",
    "label-open-bracket": "app in (a",
    "label-bad-key": "-app=x",
    "label-bad-value": "app=ä",
    "label-operator-alone": "=",
}
_FIELDS = {
    "field-name": "metadata.name={pod}",
    "field-not-phase": "status.phase!=Running",
    "field-phase-and-node": "status.phase=Running,spec.nodeName={node}",
    "field-unknown": "spec.bogus=1",
    "field-no-operator": "status.phase",
}
_SELECTORS = {
    **{
        f"label-{name}": _ask(PODS, {"labelSelector": text}, accept=METADATA_LIST)
        for name, text in _GOOD_LABELS.items()
    },
    **{f"bad-{name}": _ask(PODS, {"labelSelector": text}) for name, text in _BAD_LABELS.items()},
    **{name: _ask(PODS, {"fieldSelector": text}, accept=METADATA_LIST) for name, text in _FIELDS.items()},
    "nodes-unschedulable": _ask(NODES, {"fieldSelector": "spec.unschedulable=true"}),
    "nodes-field-unknown": _ask(NODES, {"fieldSelector": "status.phase=Running"}),
    "deployments-field-unknown": _ask(APPS + "/deployments", {"fieldSelector": "spec.replicas=1"}),
}

_PAGING = {
    "first": _ask(PODS, {"limit": "2"}, accept=METADATA_LIST),
    "next": _ask(PODS, {"limit": "2", "continue": "{continue}"}, accept=METADATA_LIST),
    "first-selected": _ask(PODS, {"limit": "1", "labelSelector": "{label}"}, accept=METADATA_LIST),
    "version-0-is-not-paged": _ask(PODS, {"limit": "2", "resourceVersion": "0"}, accept=METADATA_LIST),
    "limit-no-number": _ask(PODS, {"limit": "many"}),
    "limit-negative": _ask(PODS, {"limit": "-1"}, accept=METADATA_LIST),
    "continue-nonsense": _ask(PODS, {"limit": "2", "continue": "nonsense"}),
    "continue-with-version": _ask(
        PODS, {"limit": "2", "continue": "{continue}", "resourceVersion": "1"}, accept=METADATA_LIST
    ),
    "version-no-number": _ask(PODS, {"resourceVersion": "latest"}),
    "version-from-the-future": _ask(PODS, {"resourceVersion": "999999999999"}),
    "match-unknown": _ask(PODS, {"resourceVersion": "1", "resourceVersionMatch": "Around"}),
    "match-without-version": _ask(PODS, {"resourceVersionMatch": "Exact"}),
    "match-exact-0": _ask(PODS, {"resourceVersionMatch": "Exact", "resourceVersion": "0"}),
    "continue-expired": _ask(PODS, {"limit": "2", "continue": "{expired}"}, state="compacted"),
    "continue-inconsistent": _ask(
        PODS, {"limit": "100", "continue": "{inconsistent}"}, accept=METADATA_LIST, state="compacted"
    ),
    "exact-expired": _ask(PODS, {"resourceVersion": "1", "resourceVersionMatch": "Exact"}, state="compacted"),
}

_SOON = {"watch": "1", "timeoutSeconds": "1"}
_INITIAL = {
    "allowWatchBookmarks": "true",
    "sendInitialEvents": "true",
    "resourceVersionMatch": "NotOlderThan",
}
_WATCH = {
    "from-now": _ask(PODS, {**_SOON, "fieldSelector": "metadata.name={pod}"}),
    "from-now-metadata": _ask(PODS, {**_SOON, "fieldSelector": "metadata.name={pod}"}, accept=METADATA),
    "from-now-metadata-list": _ask(
        PODS, {**_SOON, "fieldSelector": "metadata.name={pod}"}, accept=METADATA_LIST
    ),
    "from-now-table": _ask(PODS, {**_SOON, "fieldSelector": "metadata.name={pod}"}, accept=TABLE),
    "bookmark": _ask(
        PODS, {"watch": "1", "timeoutSeconds": "3", "fieldSelector": "metadata.name={pod}", **_INITIAL}
    ),
    "bookmark-metadata": _ask(
        PODS,
        {"watch": "1", "timeoutSeconds": "3", "fieldSelector": "metadata.name={pod}", **_INITIAL},
        accept=METADATA,
    ),
    "bookmark-table": _ask(
        PODS,
        {"watch": "1", "timeoutSeconds": "3", "fieldSelector": "metadata.name={pod}", **_INITIAL},
        accept=TABLE,
    ),
    "initial-without-match": _ask(
        PODS, {**_SOON, "sendInitialEvents": "true", "allowWatchBookmarks": "true"}
    ),
    "version-no-number": _ask(PODS, {**_SOON, "resourceVersion": "latest"}),
    "gone": _ask(PODS, {**_SOON, "resourceVersion": "1"}, state="compacted"),
    "gone-table": _ask(PODS, {**_SOON, "resourceVersion": "1"}, accept=TABLE, state="compacted"),
}

_STATUSES = {
    "401-unknown-token": _ask(PODS, who="stranger"),
    "401-unknown-token-discovery": _ask("/apis", who="stranger"),
    "anonymous-pods": _ask("/api/v1/pods", who="anonymous"),
    "anonymous-version": _ask("/version", who="anonymous"),
    "anonymous-apis": _ask("/apis", who="anonymous"),
    "403-pods": _ask("/api/v1/pods", who="nobody"),
    "403-pods-of-namespace": _ask(PODS, who="nobody"),
    "403-pod": _ask(POD, who="nobody"),
    "403-log": _ask(POD + "/log", who="nobody"),
    "403-watch": _ask(PODS, dict(_SOON), who="nobody"),
    "403-node": _ask(NODES + "/{node}", who="nobody"),
    "403-node-proxy": _ask(NODES + "/{node}/proxy/stats/summary", who="nobody"),
    "403-namespace": _ask("/api/v1/namespaces/{namespace}", who="nobody"),
    "403-deployments": _ask(APPS + "/deployments", who="nobody"),
    "403-node-metrics": _ask(METRICS + "/nodes", who="nobody"),
    "403-pod-metrics": _ask(METRICS + "/pods", who="nobody"),
    "403-pod-metrics-of-namespace": _ask(POD_METRICS, who="nobody"),
    "403-path": _ask("/metrics", who="nobody"),
    "403-unknown-resource": _ask("/api/v1/namespaces/{namespace}/widgets", who="nobody"),
    "403-viewer-elsewhere": _ask("/api/v1/namespaces/kube-system/pods", who="viewer"),
    "200-viewer": _ask(PODS, {"limit": "1"}, accept=METADATA_LIST, who="viewer"),
    "403-impersonate": _ask(PODS, headers={"Impersonate-User": "someone"}, who="nobody"),
    "403-as-someone": _ask(PODS, headers={"Impersonate-User": "someone"}),
    "500-impersonate-group-alone": _ask(PODS, headers={"Impersonate-Group": "some"}),
    "404-pod": _ask(PODS + "/no-such-pod"),
    "404-node": _ask(NODES + "/no-such-node"),
    "404-deployment": _ask(APPS + "/deployments/none"),
    "404-resource": _ask("/api/v1/widgets"),
    "404-resource-of-group": _ask("/apis/apps/v1/widgets"),
    "404-subresource": _ask(POD + "/nothing"),
    "404-log": _ask(PODS + "/no-such-pod/log"),
    "404-unscoped-pod": _ask("/api/v1/pods/{pod}"),
    "404-namespaced-node": _ask("/api/v1/namespaces/{namespace}/nodes"),
    "405-list-reviews": _ask(AUTHORIZATION + "/selfsubjectaccessreviews"),
    "405-get-review": _ask(AUTHENTICATION + "/tokenreviews/x"),
    "405-create-at-name": _ask(POD, method="POST", body={"apiVersion": "v1", "kind": "Pod"}),
    "405-update-list": _ask(PODS, method="PUT", body={"apiVersion": "v1", "kind": "Pod"}),
    "405-version": _ask("/version", method="POST", body={}),
    "405-apis": _ask("/apis", method="POST", body={}),
    "200-yaml": _ask("/api/v1/namespaces/{namespace}", accept="application/yaml"),
    "406-html": _ask(PODS, accept="text/html"),
    "406-pod": _ask(POD, accept="text/html"),
    "406-unknown-transform": _ask(PODS, accept="application/json;as=Chart;v=v1;g=meta.k8s.io"),
    "406-metrics": _ask(METRICS + "/nodes", accept="text/html"),
    "406-version": _ask("/version", accept="text/html"),
    "422-pod": _ask(
        PODS,
        {"dryRun": "All"},
        method="POST",
        body={
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "Bad_Name"},
            "spec": {"containers": []},
        },
    ),
}

_MALFORMED = {
    "400-list-cut-name": _ask(METRICS + "/nodes", {"labelSelector": "a=b=c"}),
    "400-bad-field": _ask(POD_METRICS, {"fieldSelector": "spec.nodeName={node}"}),
}
_METRICS = {
    "nodes": _ask(METRICS + "/nodes"),
    "node": _ask(METRICS + "/nodes/{node}"),
    "pods": _ask(METRICS + "/pods"),
    "pods-of-namespace": _ask(POD_METRICS),
    "pod": _ask(POD_METRICS + "/{pod}"),
    "pods-by-label": _ask(POD_METRICS, {"labelSelector": "{label}"}),
    "pods-by-absent-label": _ask(METRICS + "/pods", {"labelSelector": "app=no-such-app"}),
    "pods-by-name": _ask(POD_METRICS, {"fieldSelector": "metadata.name={pod}"}),
    "pods-by-namespace": _ask(METRICS + "/pods", {"fieldSelector": "metadata.namespace={namespace}"}),
    "nodes-by-label": _ask(METRICS + "/nodes", {"labelSelector": "kubernetes.io/hostname={node}"}),
    "nodes-by-name": _ask(METRICS + "/nodes", {"fieldSelector": "metadata.name={node}"}),
    "nodes-limit-is-ignored": _ask(METRICS + "/nodes", {"limit": "1"}),
    "nodes-version-is-ignored": _ask(METRICS + "/nodes", {"resourceVersion": "0"}),
    "pods-of-no-namespace": _ask(METRICS + "/namespaces/nowhere/pods"),
    "nodes-table": _ask(METRICS + "/nodes", accept=TABLE),
    "pods-table": _ask(POD_METRICS, accept=TABLE),
    "nodes-metadata": _ask(METRICS + "/nodes", accept=METADATA_LIST),
    "404-node": _ask(METRICS + "/nodes/no-such-node"),
    "404-pod": _ask(POD_METRICS + "/no-such-pod"),
    "404-resource": _ask(METRICS + "/widgets"),
    "404-version": _ask("/apis/metrics.k8s.io/v1/nodes"),
    "404-subresource": _ask(METRICS + "/nodes/{node}/status"),
    "405-watch": _ask(METRICS + "/nodes", dict(_SOON)),
    "405-create": _ask(METRICS + "/nodes", method="POST", body={}),
    "405-delete": _ask(METRICS + "/nodes/{node}", method="DELETE"),
    **_MALFORMED,
    "absent-group": _ask("/apis/metrics.k8s.io", state="absent"),
    "absent-version": _ask(METRICS, state="absent"),
    "absent-nodes": _ask(METRICS + "/nodes", state="absent"),
    "absent-nodes-nobody": _ask(METRICS + "/nodes", who="nobody", state="absent"),
    "unavailable-group": _ask("/apis/metrics.k8s.io", state="unavailable"),
    "unavailable-version": _ask(METRICS, state="unavailable"),
    "unavailable-nodes": _ask(METRICS + "/nodes", state="unavailable"),
    "unavailable-pods": _ask(METRICS + "/pods", state="unavailable"),
    "unavailable-nodes-nobody": _ask(METRICS + "/nodes", who="nobody", state="unavailable"),
    "unavailable-apis-aggregated": _ask("/apis", accept=DISCOVERY, state="unavailable"),
    "unavailable-apiservice": _ask(
        "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io", state="unavailable"
    ),
    "empty-nodes": _ask(METRICS + "/nodes", state="empty"),
    "empty-pods": _ask(METRICS + "/pods", state="empty"),
    "empty-node": _ask(METRICS + "/nodes/{node}", state="empty"),
    "killed-nodes": _ask(METRICS + "/nodes", state="killed"),
}

_LIST_PODS = {"verb": "list", "resource": "pods", "namespace": "{namespace}"}
_GET_PATH = {"path": "/metrics", "verb": "get"}
_REVIEWS = {
    "may-i-yes": _review(
        AUTHORIZATION + "/selfsubjectaccessreviews",
        "SelfSubjectAccessReview",
        {"resourceAttributes": _LIST_PODS},
    ),
    "may-i-no": _review(
        AUTHORIZATION + "/selfsubjectaccessreviews",
        "SelfSubjectAccessReview",
        {"resourceAttributes": _LIST_PODS},
        who="nobody",
    ),
    "may-i-viewer": _review(
        AUTHORIZATION + "/selfsubjectaccessreviews",
        "SelfSubjectAccessReview",
        {"resourceAttributes": _LIST_PODS},
        who="viewer",
    ),
    "may-i-path": _review(
        AUTHORIZATION + "/selfsubjectaccessreviews",
        "SelfSubjectAccessReview",
        {"nonResourceAttributes": _GET_PATH},
        who="nobody",
    ),
    "may-i-nothing": _review(AUTHORIZATION + "/selfsubjectaccessreviews", "SelfSubjectAccessReview", {}),
    "may-i-both": _review(
        AUTHORIZATION + "/selfsubjectaccessreviews",
        "SelfSubjectAccessReview",
        {"resourceAttributes": _LIST_PODS, "nonResourceAttributes": _GET_PATH},
    ),
    "may-they": _review(
        AUTHORIZATION + "/subjectaccessreviews",
        "SubjectAccessReview",
        {"user": "{nobody}", "resourceAttributes": _LIST_PODS},
    ),
    "may-nobody": _review(
        AUTHORIZATION + "/subjectaccessreviews", "SubjectAccessReview", {"resourceAttributes": _LIST_PODS}
    ),
    "may-they-here": _review(
        AUTHORIZATION + "/namespaces/{namespace}/localsubjectaccessreviews",
        "LocalSubjectAccessReview",
        {"user": "{nobody}", "resourceAttributes": _LIST_PODS},
    ),
    "may-they-elsewhere": _review(
        AUTHORIZATION + "/namespaces/{namespace}/localsubjectaccessreviews",
        "LocalSubjectAccessReview",
        {"user": "{nobody}", "resourceAttributes": {**_LIST_PODS, "namespace": "default"}},
    ),
    "may-they-forbidden": _review(
        AUTHORIZATION + "/subjectaccessreviews",
        "SubjectAccessReview",
        {"user": "{nobody}", "resourceAttributes": _LIST_PODS},
        who="nobody",
    ),
    "rules": _review(
        AUTHORIZATION + "/selfsubjectrulesreviews",
        "SelfSubjectRulesReview",
        {"namespace": "{namespace}"},
        who="nobody",
    ),
    "who-am-i": _review(AUTHENTICATION + "/selfsubjectreviews", "SelfSubjectReview", None),
    "who-am-i-nobody": _review(
        AUTHENTICATION + "/selfsubjectreviews", "SelfSubjectReview", None, who="nobody"
    ),
    "token-good": _review(AUTHENTICATION + "/tokenreviews", "TokenReview", {"token": "{token}"}),
    "token-bad": _review(AUTHENTICATION + "/tokenreviews", "TokenReview", {"token": "nonsense"}),
    "token-none": _review(AUTHENTICATION + "/tokenreviews", "TokenReview", {}),
    "token-forbidden": _review(
        AUTHENTICATION + "/tokenreviews", "TokenReview", {"token": "nonsense"}, who="nobody"
    ),
    "wrong-kind": _review(AUTHORIZATION + "/selfsubjectaccessreviews", "Pod", {}),
    "no-json": _ask(AUTHORIZATION + "/selfsubjectaccessreviews", method="POST", body="nonsense"),
}

REQUESTS: dict[str, recordings.Request] = {
    f"{folder}/{name}": request
    for folder, requests in (
        ("discovery", _DISCOVERY),
        ("objects", _OBJECTS),
        ("forms", _FORMS),
        ("selectors", _SELECTORS),
        ("paging", _PAGING),
        ("watch", _WATCH),
        ("statuses", _STATUSES),
        ("metrics", _METRICS),
        ("reviews", _REVIEWS),
    )
    for name, request in requests.items()
}
"""Each request by the name of its recording, in the order in which they are made."""
