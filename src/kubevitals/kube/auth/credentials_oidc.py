"""Credentials from an OpenID Connect provider: the auth-provider `oidc` of a kubeconfig.

The id-token is used until it expires and then refreshed. Many providers take a refresh-token once: so the new
ones are written into the kubeconfig, as kubectl does, and where that cannot be done none is asked for.
"""

from __future__ import annotations

import threading

from kubevitals import errors, parallel
from kubevitals.kube.auth import credentials, kubeconfig_edit, kubeconfig_file
from kubevitals.kube.http import authentication, urls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

_EARLY_SECONDS = 10.0  # clocks differ: a token is taken for expired this much before its time, as in kubectl
_TIMEOUT_SECONDS = 15.0
_LOG_IN = "Log in again with the tool that wrote this entry (kubelogin, oidc-login or alike)."


def open_oidc(
    entry: kubeconfig_file.Entry,
    stored: credentials.StoredCredentials,
    *,
    clock: Callable[[], float],
) -> OidcCredentials:
    """Return the credentials of an auth-provider entry.

    `stored` adds the client certificate, if there is one.

    Raises:
        errors.ConfigurationError: a needed field is missing, or an address is not https.
    """
    config = kubeconfig_file.Entry(entry.kind, entry.name, body=entry.mapping("config"), path=entry.path)
    issuer, client = config.text("idp-issuer-url"), config.text("client-id")
    for field, value in (("idp-issuer-url", issuer), ("client-id", client)):
        if not value:
            raise config.wrong(field, "is missing", remedy=_LOG_IN)
    if not _is_safe(issuer):
        raise config.wrong("idp-issuer-url", "is no https address")
    ca = config.data("idp-certificate-authority-data")
    ca_path = config.text("idp-certificate-authority")
    if ca is None and ca_path:  # relative to the working directory, as in kubectl
        ca = credentials.WatchedFile(
            ca_path, f"idp-certificate-authority of {config.where}:", clock=clock
        ).read()
    return OidcCredentials(
        config,
        issuer=issuer,
        client_id=client,
        client_secret=config.text("client-secret"),
        id_token=config.text("id-token"),
        refresh_token=config.text("refresh-token"),
        ca=ca,
        stored=stored,
        clock=clock,
    )


class OidcCredentials(authentication.Credentials):
    """An id-token, and a new one from the provider when it has expired or was refused."""

    __slots__ = (
        "_ca",
        "_client_id",
        "_client_secret",
        "_clock",
        "_current",
        "_entry",
        "_given",
        "_id_token",
        "_issuer",
        "_lock",
        "_refresh_token",
        "_refused_token",
        "_stored",
        "_where",
    )
    kind = "oidc"

    def __init__(
        self,
        entry: kubeconfig_file.Entry,
        *,
        issuer: str,
        client_id: str,
        client_secret: str,
        id_token: str,
        refresh_token: str,
        ca: bytes | None,
        stored: credentials.StoredCredentials,
        clock: Callable[[], float],
    ) -> None:
        self._entry = entry
        self._where = entry.where
        self._issuer = issuer.rstrip("/")
        self._client_id = client_id
        self._client_secret = client_secret
        self._id_token = id_token
        self._refresh_token = refresh_token
        self._refused_token = ""
        self._ca = ca
        self._stored = stored
        self._clock = clock
        self._lock = threading.Lock()
        self._given = credentials.LastGiven()
        self._current: authentication.Credential | None = None

    def fetch(self) -> authentication.Credential:
        """Return the id-token while it is valid, else a new one from the provider.

        Raises:
            errors.CredentialsError: there is no way to a valid token.
        """
        with self._lock:
            if not (self._id_token and self._is_valid()):
                self._refresh()
            client = self._stored.fetch()
            made = authentication.Credential(
                credentials.bearer(self._id_token, self._where),
                certificate=client.certificate,
                key=client.key,
            )
            if made != self._current:
                self._current = made
            return self._given.note(self._current)

    def renew(self) -> bool:
        """Forget the id-token; of use only where there is a refresh-token."""
        with self._lock:
            if not self._refresh_token:
                return False
            if self._given.find() is self._current:
                self._refused_token, self._id_token = self._id_token, ""
            return True

    def _is_valid(self) -> bool:
        return self._clock() + _EARLY_SECONDS < self._expiry()

    def _expiry(self) -> float:
        """Return when the id-token expires, in seconds since 1970; the API server checks its signature."""
        import binascii
        import json

        parts = self._id_token.split(".")
        try:
            payload = parts[1] + "=" * (-len(parts[1]) % 4)
            claims = json.loads(binascii.a2b_base64(payload.replace("-", "+").replace("_", "/")))
            if len(parts) == 3:
                return float(claims["exp"])
        except (IndexError, KeyError, TypeError, ValueError, RecursionError):
            pass
        raise errors.CredentialsError(
            f"the id-token of {self._where} is no JSON web token", remedy=_LOG_IN
        ) from None

    def _refresh(self) -> None:
        if not self._refresh_token:
            raise errors.CredentialsError(
                f"the id-token of {self._where} is missing or has expired, and there is no refresh-token",
                remedy=_LOG_IN,
            )
        parallel.run_to_the_end(self._refresh_in_file)

    def _refresh_in_file(self) -> None:
        """Take the tokens that kubectl has got meanwhile, or get new ones and write them into the file."""
        with kubeconfig_edit.TokenEdit(self._entry.path, self._entry.name) as edit:
            config = self._entry.replaced(edit.config)
            refused, self._id_token = self._refused_token, config.text("id-token")
            self._refresh_token = config.text("refresh-token") or self._refresh_token
            if self._id_token not in ("", refused) and self._is_valid():
                return
            self._id_token = ""
            answer = self._ask_for_token(self._discover())
            id_token, refresh_token = answer.get("id_token"), answer.get("refresh_token")
            if isinstance(refresh_token, str) and refresh_token:
                self._refresh_token = refresh_token
            tokens = {"refresh-token": self._refresh_token}
            if isinstance(id_token, str) and id_token:
                self._id_token = tokens["id-token"] = id_token
            edit.write(tokens)
        if not self._id_token:
            raise errors.CredentialsError(
                f"the identity provider of {self._where} answered the refresh without an id_token",
                remedy="Log in again with the scope openid; some providers never refresh an id-token.",
            )

    def _discover(self) -> str:
        """Return the address of the provider's token endpoint."""
        status, answer = self._exchange("GET", self._issuer + "/.well-known/openid-configuration")
        endpoint = answer.get("token_endpoint")
        if status != 200 or not isinstance(endpoint, str):
            raise self._refused("did not say where it gives out tokens", status, answer)
        if not _is_safe(endpoint):
            raise self._refused("names a token endpoint that is no https address", status, {})
        return endpoint

    def _ask_for_token(self, endpoint: str) -> Mapping[str, Any]:
        import base64
        from urllib import parse

        form = {"grant_type": "refresh_token", "refresh_token": self._refresh_token}
        within = {**form, "client_id": self._client_id}
        headers: dict[str, str] = {}
        if self._client_secret:
            # The standard wants the secret in the header; some providers read it only in the body.
            pair = f"{parse.quote_plus(self._client_id)}:{parse.quote_plus(self._client_secret)}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
            status, answer = self._exchange("POST", endpoint, form=form, headers=headers)
            if status == 200:
                return answer
            within["client_secret"] = self._client_secret
        status, answer = self._exchange("POST", endpoint, form=within)
        if status != 200:
            raise self._refused("refused to refresh the token", status, answer)
        return answer

    def _exchange(
        self,
        method: str,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Mapping[str, Any]]:
        """Return the status and decoded JSON of one request; {} for what is no JSON object."""
        import json
        from urllib import parse

        from kubevitals.kube.http import client

        sent = {"Accept": "application/json", **(headers or {})}
        body = b""
        if form is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
            body = parse.urlencode(form).encode()
        try:
            answer = client.fetch_once(
                method, url, headers=sent, body=body, ca=self._ca, timeout=_TIMEOUT_SECONDS
            )
        except (errors.ClusterError, errors.ConfigurationError) as error:
            raise errors.CredentialsError(
                f"the identity provider of {self._where} cannot be asked: {error.message}",
                remedy=error.remedy,
            ) from error
        try:
            content = json.loads(answer.content)
        except (ValueError, RecursionError):
            content = {}
        return answer.status, content if isinstance(content, dict) else {}

    def _refused(self, what: str, status: int, answer: Mapping[str, Any]) -> errors.CredentialsError:
        code = answer.get("error")  # a word of OAuth's list, such as invalid_grant
        said = f", {code}" if isinstance(code, str) and code.isascii() and code.isidentifier() else ""
        return errors.CredentialsError(
            f"the identity provider of {self._where} {what} (HTTP {status}{said[:40]})", remedy=_LOG_IN
        )


def _is_safe(url: str) -> bool:
    """Return whether a secret may be sent there: https, or this very machine."""
    try:
        address = urls.split_url(url.partition("?")[0])
    except errors.ConfigurationError:
        return False
    secure = address.scheme == "https" or (address.scheme == "http" and address.is_loopback)
    return secure and url.isprintable() and not set(" @") & set(url)
