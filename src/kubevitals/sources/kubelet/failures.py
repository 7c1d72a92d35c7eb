"""Why a kubelet could not be read: one code a cause, one problem a code for all its nodes. Pure."""

from __future__ import annotations

from kubevitals import errors, model, sanitize
from kubevitals.kube import resourceattributes, statuserrors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NamedTuple
else:
    from kubevitals.namedtuple import NamedTuple

_METRICS = resourceattributes.ResourceAttributes("get", "nodes/metrics")
_STATS = resourceattributes.ResourceAttributes("get", "nodes/stats")
_PROXY = resourceattributes.ResourceAttributes("get", "nodes/proxy")
_DETAIL_RULE = _METRICS.rule.replace('"nodes/metrics"', '"nodes/metrics", "nodes/stats"')
_NAMED = 3  # nodes that a problem names
_SILENT = {"kubelet_unreachable", "kubelet_timeout"}  # codes of those that said nothing

# By code: what befell them, and what to do; `{rule}` is filled in.
_WORDS = {
    "kubelet_unreachable": (
        "cannot be reached",
        (
            "let the kubelet's port (10250) through from here to the nodes: firewall, security group, "
            "NetworkPolicy; from outside the cluster --kubelet-proxy asks through the API server, where your "
            "own rights allow it"
        ),
    ),
    "kubelet_timeout": (
        "did not answer in time",
        "a firewall may drop packets to port 10250, or the node is overloaded: allow more time then",
    ),
    "kubelet_unauthorized": (
        "did not accept this account's credentials",
        (
            "let the kubelets take tokens: authentication.webhook.enabled: true in their configuration; "
            "or renew the token, if it has expired"
        ),
    ),
    "kubelet_forbidden": ("refused this account", "grant it this right:\n{rule}"),
    "kubelet_tls": (
        "showed a certificate that cannot be trusted",
        (
            "give the kubelets certificates of the cluster's CA: serverTLSBootstrap: true in their "
            "configuration, then kubectl certificate approve the requests of the signer "
            "kubernetes.io/kubelet-serving; or name the CA that signed theirs by --kubelet-ca"
        ),
    ),
    "kubelet_failed": (
        "gave no answer that can be read",
        "compare with: kubectl get --raw /api/v1/nodes/NODE/proxy/metrics/resource",
    ),
}


# What else is to be done where the API server stands between.
_PROXIED = {
    "kubelet_unreachable": "let the kubelet's port (10250) through from the API server to the nodes",
    "kubelet_timeout": "a firewall may drop what the API server sends to port 10250, or a node is overloaded",
}


class Failure(NamedTuple):
    """Why one kubelet could not be read: a code of `snapshot.REASONS`, and what was said."""

    code: str
    said: str
    is_refusal: bool = False  # by the API server, before any kubelet was asked


def classify(error: errors.ClusterError, *, proxy: bool = False) -> Failure:
    """Return the failure that an error of a request is, made directly or through the node `proxy`."""
    code = "kubelet_failed"
    refusal = False
    if isinstance(error, errors.RequestTimeoutError):
        code = "kubelet_timeout"
    elif isinstance(error, errors.TLSError):
        code = "kubelet_tls"
    elif isinstance(error, errors.UnreachableError | errors.HostNotFoundError | errors.ProxyError):
        code = "kubelet_unreachable"
    elif isinstance(error, errors.UnauthorizedError):
        code = "kubelet_unauthorized"
    elif isinstance(error, errors.ForbiddenError):
        code = "kubelet_forbidden"
        refusal = proxy and statuserrors.parse_status(error.content) is not None
    elif proxy and isinstance(error, errors.StatusError):
        code = _classify_proxied(error)
    said = error.message
    if isinstance(error, errors.StatusError) and not refusal:
        status = statuserrors.parse_status(error.content)
        words = error.body if status is None else sanitize.excerpt(status["message"])
        said = f"HTTP {error.status} {error.reason}".rstrip() + (f": {words}" if words else "")
    return Failure(code, said, refusal)


def _classify_proxied(error: errors.StatusError) -> str:
    """Return what the API server says of a kubelet that it could not reach."""
    said = error.body.lower()
    if "x509" in said or "tls:" in said:
        return "kubelet_tls"
    if "timeout" in said or "deadline" in said:
        return "kubelet_timeout"
    return "kubelet_unreachable" if error.status in (502, 503, 504) else "kubelet_failed"


def describe(failed: Mapping[str, Failure], *, proxy: bool = False) -> list[model.Problem]:
    """Return one problem a cause, which names the first nodes; `failed` is by the node's name."""
    by_code: dict[str, list[str]] = {}
    for node, failure in failed.items():
        by_code.setdefault(failure.code, []).append(node)
    return [_describe(code, sorted(nodes), failed, proxy=proxy) for code, nodes in sorted(by_code.items())]


def describe_details(missing: Mapping[str, Failure]) -> list[model.Problem]:
    """Return the problem that says of which nodes not all details are known, if there are any."""
    if not missing:
        return []
    nodes = sorted(missing)
    first = missing[nodes[0]]
    refused = first.code == "kubelet_forbidden"
    return [
        model.Problem(
            "details_unknown",
            f"not all details of {_name(nodes)} are known: {sanitize.excerpt(first.said)}",
            f"grant these rights:\n{_DETAIL_RULE.rstrip()}" if refused else _WORDS[first.code][1],
            nodes[0] if len(nodes) == 1 else None,
            _STATS if refused else None,
        )
    ]


def _describe(code: str, nodes: list[str], failed: Mapping[str, Failure], *, proxy: bool) -> model.Problem:
    what, remedy = _WORDS[code]
    remedy = _PROXIED.get(code, remedy) if proxy else remedy
    kubelets = "the kubelet" if len(nodes) == 1 else "the kubelets"
    said = sanitize.excerpt(failed[nodes[0]].said)
    right = _PROXY if proxy and failed[nodes[0]].is_refusal else _METRICS
    return model.Problem(
        code,
        f"{kubelets} of {_name(nodes)} {what}: {said}",
        remedy.format(rule=right.rule.rstrip()),
        nodes[0] if len(nodes) == 1 else None,
        right if code == "kubelet_forbidden" else None,
    )


def _name(nodes: list[str]) -> str:
    """Return the first of the names, and how many more there are."""
    named = ", ".join(sanitize.excerpt(node, 80) for node in nodes[:_NAMED])
    return named if len(nodes) <= _NAMED else f"{named} and {len(nodes) - _NAMED} more"


def raise_all(failed: Mapping[str, Failure], *, proxy: bool) -> None:
    """Raise the error for a cluster of which no kubelet could be read.

    Raises:
        errors.ForbiddenError: each of them that answers refuses the account.
        errors.KubeletsError: anything else.
    """
    problems = describe(failed, proxy=proxy)
    message = "no kubelet could be read: " + "; ".join(problem.message for problem in problems)
    remedy = "\n".join(problem.remedy for problem in problems if problem.remedy)
    if {failure.code for failure in failed.values()} - _SILENT != {"kubelet_forbidden"}:
        raise errors.KubeletsError(message, remedy=remedy)
    refusal = any(failure.is_refusal for failure in failed.values())
    error = errors.ForbiddenError(
        message, remedy="Ask the cluster's administrator for the right.", status=403, reason="Forbidden"
    )
    error.right = _PROXY if refusal else _METRICS
    error.rule = error.right.rule
    raise error
