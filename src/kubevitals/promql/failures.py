"""What went wrong with a request to Prometheus, in words: one error with the cause and the next step."""

from __future__ import annotations

from kubevitals import errors, sanitize
from kubevitals.kube import statuserrors
from kubevitals.promql import results

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kubevitals.kube.http import client as http_client

_CREDENTIALS = {
    "anonymous": "give it credentials: --prometheus-token-file, or --prometheus-user-file",
    "token file": "the token in the file may have expired, or be meant for another server",
    "user file": "check the user and the password in the file",
    "certificate": "the client certificate may have expired; or the server wants a token as well",
}
_TLS = {
    "unknown_ca": "give the CA that signed it by --prometheus-ca",
    "signature": "give the CA that signed it by --prometheus-ca: the one given has its name and another key",
    "purpose": "issue it anew with extendedKeyUsage serverAuth and without nsCertType",
    "weak": "issue it anew with SHA-256, and an elliptic curve or at least 2048 bits of RSA",
    "wrong_host": "write a name that stands in the certificate into --prometheus-url, "
    "or give it as --prometheus-tls-server-name",
    "expired": "renew the server's certificate; is this machine's clock right?",
    "not_yet_valid": "compare this machine's clock with the server's",
    "other": "check the address and the certificate of the server",
}
_WHERE = (
    "is that the whole address? The path before /api/v1 belongs to --prometheus-url: /prometheus for Mimir, "
    "/select/0/prometheus for a VictoriaMetrics cluster, --web.route-prefix of Prometheus"
)


def translate(error: errors.KubevitalsError) -> errors.PrometheusError:
    """Return the error for a request that got no answer."""
    message, remedy = _describe(error)
    return errors.PrometheusError(message, remedy=remedy)


def from_answer(answer: http_client.Answer, *, server: str, who: str) -> errors.PrometheusError:
    """Return the error for an answer that is no success.

    `server` names the place, `who` is the kind of credentials that were sent.
    """
    message, remedy = _describe_answer(answer, server, who)
    error = errors.PrometheusError(message, remedy=remedy)
    # Too many samples, too long a range, too slow: 422 or 503 of Prometheus, also 400 or 413 of others.
    error.too_much = answer.status in (400, 413, 422, 503)
    return error


def web_page(server: str) -> errors.PrometheusError:
    """Return the error for an answer in HTML."""
    return errors.PrometheusError(
        f"{server} answers with a web page, not with Prometheus' API: a login page, or something else",
        remedy=_WHERE,
    )


def _describe(error: errors.KubevitalsError) -> tuple[str, str | None]:
    if isinstance(error, errors.TLSError):
        return f"Prometheus cannot be asked: {error.message}", _TLS.get(error.cause, _TLS["other"])
    if isinstance(error, errors.RequestTimeoutError):
        return (
            f"Prometheus does not answer in time: {error.message}",
            "give it more time by --prometheus-timeout, or ask for less at once",
        )
    if isinstance(error, (errors.UnreachableError, errors.HostNotFoundError, errors.ProxyError)):
        return (
            f"Prometheus cannot be reached: {error.message}",
            "check --prometheus-url; does the server run?",
        )
    return f"Prometheus cannot be asked: {error.message}", error.remedy


def _describe_answer(answer: http_client.Answer, server: str, who: str) -> tuple[str, str | None]:
    said = results.decode_failure(answer.content)
    kind, words = said if said is not None else ("", "")
    status = statuserrors.parse_status(answer.content)
    if status is not None:  # the API server's own, on the way to a service
        return _describe_proxied(answer, server, who)
    if answer.status == 401:
        return f"{server} does not accept the credentials ({who})", _CREDENTIALS.get(who)
    if answer.status == 403:
        text = words or sanitize.excerpt(answer.content, 120)
        return (
            f"{server} refuses the account ({who}){': ' + text if text else ''}",
            "ask for the right to query; a tenant is given by --prometheus-header X-Scope-OrgID=NAME",
        )
    if 300 <= answer.status < 400:
        return (
            f"{server} redirects ({answer.status}){_target(answer)}, and redirects are not followed",
            _WHERE,
        )
    if kind in ("timeout", "canceled"):
        return (
            f"{server} gave the query up: {words or kind}",
            "the server is overloaded, or its --query.timeout is short",
        )
    if said is not None and answer.status in (400, 422):
        what = "cannot read the query" if kind == "bad_data" else "cannot answer the query"
        return (
            f"{server} {what}: {words or kind}",
            "queries of one's own stand in the file of --prometheus-queries; a limit is the server's",
        )
    if said is not None:
        return f"{server} failed ({answer.status} {kind}): {words}", "its log says more"
    if answer.status in (400, 404, 405):
        return f"{server} has no Prometheus API there ({answer.status})", _WHERE
    if answer.status == 429:
        return f"{server} limits how often it may be asked (429)", "ask less often, by --interval"
    text = sanitize.excerpt(answer.content, 120)
    return (
        f"{server} failed: {answer.status} {sanitize.excerpt(answer.reason, 60)}".rstrip()
        + (f": {text}" if text else ""),
        "does the server behind it run, and is it ready?",
    )


def _describe_proxied(answer: http_client.Answer, server: str, who: str) -> tuple[str, str | None]:
    """Describe the refusal or failure of the API server, which stands between."""
    error = statuserrors.from_status(
        answer.status, answer.reason, answer.headers, answer.content, request=answer.request, who=who
    )
    rule = getattr(error, "rule", None)
    if isinstance(error, errors.ForbiddenError) and rule:
        return (
            f"{server} cannot be asked through the API server: {error.message}",
            f"give its address by --prometheus-url, or allow this:\n{rule.rstrip()}",
        )
    return (
        f"{server} cannot be asked through the API server: {error.message}",
        "does the service have a ready pod behind that port? If not, give another by --prometheus-url",
    )


def _target(answer: http_client.Answer) -> str:
    """Return where a redirection leads, without what may be secret in it."""
    place = answer.headers.get("location", "").partition("?")[0].partition("#")[0]
    return f" to {sanitize.excerpt(place, 120)}" if place else ""
