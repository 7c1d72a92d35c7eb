"""Every error kubevitals raises, as one tree.

    KubevitalsError
    ├── QuantityError               (also a ValueError) text that is no Kubernetes quantity
    ├── UsageError                  (also a ValueError) a wrong argument; the command line exits 2
    ├── ConfigurationError          kubeconfig, context or option that cannot be used
    │   ├── NoClusterError          nothing says which cluster to read
    │   ├── MissingPackageError     (also an ImportError) an optional package is not installed
    │   └── CredentialsError        a credential could not be had: exec plugin, token file, OIDC refresh
    ├── ClusterError                a request to a cluster failed
    │   ├── UnreachableError        refused, reset, no route
    │   ├── HostNotFoundError       the name does not resolve
    │   ├── ProxyError              the forward proxy refused or is not supported
    │   ├── TLSError                unknown CA, expired, wrong host: `cause` says which
    │   ├── RequestTimeoutError     no answer in time
    │   ├── StatusError             the server answered with an error status
    │   │   ├── UnauthorizedError   401
    │   │   ├── ForbiddenError      403, with the RBAC rule that would allow the request
    │   │   ├── NotFoundError       404
    │   │   ├── GoneError           410, a resource version or continue token that has expired
    │   │   ├── RateLimitedError    429
    │   │   └── UnavailableError    503
    │   └── DecodingError           the answer could not be read
    │       ├── TruncatedBodyError  the connection ended in the middle of the body
    │       ├── NotJSONError        something else than JSON
    │       └── WrongKindError      JSON, but not the object that was asked for
    └── MetricsError                the metrics API gives no usage
        ├── MetricsNotInstalledError    no group metrics.k8s.io
        ├── MetricsUnavailableError     registered, but its server does not answer
        └── MetricsEmptyError           it answers, and has collected nothing yet

`str(error)` says what happened and where; `error.remedy` says what to do next, or is None; `error.code` is
the stable code in `problems` of the JSON schema. `error.right` is the RBAC right that is missing, if that is
the cause and is known.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kubevitals.kube import resourceattributes


class KubevitalsError(Exception):
    """Base of all errors that kubevitals raises."""

    code = "error"
    right: resourceattributes.ResourceAttributes | None = None

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class QuantityError(KubevitalsError, ValueError):
    """The text is no Kubernetes quantity, or lies outside what fits into one."""

    code = "bad_quantity"


class UsageError(KubevitalsError, ValueError):
    """An argument that cannot be meant: an unknown column, a negative limit."""

    code = "usage"


class ConfigurationError(KubevitalsError):
    """A kubeconfig, a context in it or an option cannot be used."""

    code = "configuration"


class NoClusterError(ConfigurationError):
    """No option, environment, service account or file names a cluster."""

    code = "no_cluster"


class MissingPackageError(ConfigurationError, ImportError):
    """A package that only some extra of kubevitals brings is not installed; the remedy names the extra."""


class CredentialsError(ConfigurationError):
    """A credential could not be had: exec plugin, token file, certificate file, OIDC refresh."""

    code = "credentials"


class ClusterError(KubevitalsError):
    """A request to a cluster failed.

    `request` is "GET /path" without its query. `cause` is a word for what was wrong, where there are several
    causes.
    """

    code = "cluster"

    def __init__(
        self, message: str, *, remedy: str | None = None, request: str = "", cause: str = "other"
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.request = request
        self.cause = cause


class UnreachableError(ClusterError):
    """Nobody listens there, or the connection broke."""

    code = "unreachable"


class HostNotFoundError(ClusterError):
    """The server's host name does not resolve."""

    code = "host_not_found"


class ProxyError(ClusterError):
    """The forward proxy cannot be used."""

    code = "proxy"


class TLSError(ClusterError):
    """TLS failed, or the server's certificate is not accepted.

    `cause` is unknown_ca, signature (an authority of this name has another key), expired, not_yet_valid,
    wrong_host, purpose (not for servers), weak, certificate_missing, certificate_refused, handshake or other.
    """

    code = "tls"


class RequestTimeoutError(ClusterError, TimeoutError):
    """No answer within the request time-out."""

    code = "timeout"


class StatusError(ClusterError):
    """The server answered with an error status.

    `status` is the HTTP code, `reason` the HTTP reason phrase, `body` the start of the answer's text,
    shortened and without credentials; `headers` its response headers. `content` is the whole body as it came,
    for programs: it stands in no message.
    """

    code = "status"

    def __init__(
        self,
        message: str,
        *,
        remedy: str | None = None,
        request: str = "",
        status: int = 0,
        reason: str = "",
        body: str = "",
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy, request=request)
        self.status = status
        self.reason = reason
        self.body = body
        self.headers = headers or {}
        self.content = b""


class UnauthorizedError(StatusError):
    """401: the cluster does not know who asks."""

    code = "unauthorized"


class ForbiddenError(StatusError):
    """403: `rule` is the RBAC rule, as YAML, that would allow the request.

    `unrecognized` tells that the server took who sent a credential for anonymous: no rule mends that.
    """

    code = "forbidden"
    rule: str | None = None
    unrecognized = False


class NotFoundError(StatusError):
    """404."""

    code = "not_found"


class GoneError(StatusError):
    """410: the resource version or continue token has expired; list again."""

    code = "gone"


class RateLimitedError(StatusError):
    """429: the server asks for fewer requests."""

    code = "rate_limited"


class UnavailableError(StatusError):
    """503."""

    code = "unavailable"


class DecodingError(ClusterError):
    """The server's answer could not be read."""

    code = "bad_answer"


class TruncatedBodyError(DecodingError):
    """The connection ended before the body did."""

    code = "truncated"

    def __init__(
        self,
        message: str,
        *,
        remedy: str
        | None = "Try again. If it stays so, something between here and the server ends connections.",
        request: str = "",
    ) -> None:
        super().__init__(message, remedy=remedy, request=request)


class NotJSONError(DecodingError):
    """The answer is not JSON."""

    code = "not_json"


class WrongKindError(DecodingError):
    """The answer is JSON, but not the object that was asked for."""

    code = "wrong_kind"


class MetricsError(KubevitalsError):
    """The source of usage gives none; each subclass is another reason."""

    code = "metrics"


class MetricsNotInstalledError(MetricsError):
    """The API server has no group metrics.k8s.io."""

    code = "metrics_not_installed"


class MetricsUnavailableError(MetricsError):
    """The group is registered, but the server behind it does not answer."""

    code = "metrics_unavailable"


class MetricsEmptyError(MetricsError):
    """The metrics API answers with an empty list: nothing has been collected yet."""

    code = "metrics_empty"


class NoSourceError(MetricsError):
    """There is no source of usage, as was asked for or because none of them answers."""

    code = "no_source"


class KubeletsError(MetricsError):
    """No kubelet at all could be read."""

    code = "kubelets_unreadable"


class PrometheusError(MetricsError):
    """A Prometheus-compatible server does not answer, or not as one does.

    `too_much` says that it could not answer this question, and may answer one about less.
    """

    code = "prometheus_unavailable"
    too_much = False


class HistoryError(KubevitalsError):
    """What was recorded cannot be read or written; nothing of it is lost by that.

    `too_much` says that a shorter range may be read.
    """

    code = "history"
    too_much = False
