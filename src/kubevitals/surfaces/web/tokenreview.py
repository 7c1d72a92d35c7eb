"""The cluster as a guard: TokenReview says who asks, SubjectAccessReview whether the route is theirs.

Answers are remembered for seconds, so that the cluster is asked a few times a minute and not once a request.
Without an answer nobody is let in. It keeps keyed digests of tokens, not tokens. Whoever has brought a good
token within an hour does not wait behind strangers.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
import time
from typing import TYPE_CHECKING, Any, TypeVar

from kubevitals import errors, rbac, sanitize
from kubevitals.kube import client as clients
from kubevitals.surfaces.web import auth, problemdetails, reviewcache, reviewturns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LOG = logging.getLogger(__name__)
V = TypeVar("V")

_TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"  # noqa: S105 - a path
_ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_KNOWN = 4096  # tokens whose owners do not wait behind strangers
_KNOWN_SECONDS = 3600.0  # since they were good
_TIMEOUT = 5.0  # seconds for one question
_LONGEST_PATH = 2048


def reviewed_path(path: str) -> str:
    """Return the path that a SubjectAccessReview names for a path of this service."""
    return path if path == "/metrics" else rbac.PREFIX + path


class ReviewBackend:
    """Lets in whom the cluster lets in. Arguments as of auth.Authenticator.kubernetes."""

    schemes = ("Bearer",)

    def __init__(
        self,
        client: clients.Client,
        *,
        audiences: Sequence[str] = (),
        allowed_seconds: float = 60.0,
        refused_seconds: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # A client of its own: short time-outs, and its connections are not those of the collector.
        self._client = clients.Client(client.config, request_timeout=_TIMEOUT)
        self._audiences = tuple(audiences)
        self._key = secrets.token_bytes(32)
        self._clock = clock
        self._turns = reviewturns.Turns(clock)
        seconds = (allowed_seconds, refused_seconds)
        self._identities: reviewcache.ReviewCache[auth.Identity | None]
        self._identities = reviewcache.ReviewCache(seconds, clock)
        self._verdicts: reviewcache.ReviewCache[bool] = reviewcache.ReviewCache(seconds, clock)
        self._known: dict[bytes, float] = {}  # digests of tokens: when they were good; the oldest first

    async def admit(self, token: str, *, verb: str, path: str, peer: str = "") -> auth.Identity:
        """Return whose token it is. Raises as auth.Backend."""
        digest = hashlib.blake2b(token.encode(), key=self._key, digest_size=32).digest()
        known = self._clock() - self._known.get(digest, -_KNOWN_SECONDS) < _KNOWN_SECONDS
        asker = digest.hex() if known else reviewturns.place_of(peer)
        identity = await self._identities.find(
            digest, lambda: self._ask(lambda: self._review_token(token), known=known, asker=asker)
        )
        if identity is None:
            raise auth.unauthorized("the cluster does not know the token", self.schemes)
        self._note_known(digest)
        asked = reviewed_path(path)
        if len(asked) > _LONGEST_PATH:  # cut off, it would be another path
            raise problemdetails.Refusal(
                414, "path_too_long", f"the path is longer than {_LONGEST_PATH} characters"
            )
        allowed = await self._verdicts.find(
            (identity, verb, asked),
            lambda: self._ask(
                lambda: self._review_access(identity, verb, asked), known=True, asker=identity.name
            ),
        )
        if not allowed:
            name = sanitize.shorten(identity.name, 100)
            shown = sanitize.shorten(asked, 200)
            raise problemdetails.Refusal(
                403,
                "forbidden",
                f"{name} may not {verb} {shown}",
                remedy=f"grant a ClusterRole with verbs [{verb}] and nonResourceURLs [{shown}]; "
                "`kubevitals rbac --features viewer` prints the one for all routes",
            )
        return identity

    def close(self) -> None:
        """Ask no more, and close the connections."""
        self._turns.close()
        self._client.close()

    def _note_known(self, digest: bytes) -> None:
        self._known.pop(digest, None)
        self._known[digest] = self._clock()
        if len(self._known) > _KNOWN:
            del self._known[next(iter(self._known))]

    async def _ask(self, question: Callable[[], V], *, known: bool, asker: str) -> V:
        """Return the cluster's answer. Raises problems.Refusal where there is none."""
        try:
            return await self._turns.ask(question, known=known, asker=asker)
        except reviewturns.TurnError as error:
            raise _unavailable(str(error)) from error
        except errors.ForbiddenError as error:
            _LOG.error(
                "the service's own account may not ask who somebody is: %s", error.message,
                extra={"event": "review_failed"},
            )  # fmt: skip
            raise _unavailable("the service may not ask the cluster who you are") from error
        except (errors.ClusterError, errors.CredentialsError) as error:
            _LOG.warning("a review failed: %s", error.message, extra={"event": "review_failed"})
            raise _unavailable("the cluster cannot be asked who you are") from error

    def _review_token(self, token: str) -> auth.Identity | None:
        spec: dict[str, Any] = {"token": token}
        if self._audiences:
            spec["audiences"] = list(self._audiences)
        status = self._post(_TOKEN_REVIEWS, "authentication.k8s.io/v1", "TokenReview", spec)
        user = status.get("user")
        if status.get("authenticated") is not True or not isinstance(user, dict) or not user.get("username"):
            return None
        if self._audiences and not set(self._audiences) & set(_texts(status.get("audiences"))):
            return None  # a server that knows no audiences would let every token through
        extra = user.get("extra")
        return auth.Identity(
            str(user["username"]),
            _texts(user.get("groups")),
            str(user.get("uid") or ""),
            tuple((str(key), _texts(each)) for key, each in extra.items()) if isinstance(extra, dict) else (),
        )

    def _review_access(self, identity: auth.Identity, verb: str, path: str) -> bool:
        spec = {
            "user": identity.name,
            "groups": list(identity.groups),
            "uid": identity.uid,
            "extra": {key: list(values) for key, values in identity.extra},
            "nonResourceAttributes": {"path": path, "verb": verb},
        }
        status = self._post(_ACCESS_REVIEWS, "authorization.k8s.io/v1", "SubjectAccessReview", spec)
        return status.get("allowed") is True and status.get("denied") is not True

    def _post(self, path: str, version: str, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps({"apiVersion": version, "kind": kind, "spec": spec}).encode()
        try:
            answer: Any = json.loads(self._client.post(path, body))
        except (ValueError, RecursionError) as error:
            raise errors.NotJSONError(f"the answer to a {kind} is no JSON", request=f"POST {path}") from error
        status = answer.get("status") if isinstance(answer, dict) else None
        if not isinstance(status, dict):
            raise errors.WrongKindError(f"the answer to a {kind} has no status", request=f"POST {path}")
        return status


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _unavailable(detail: str) -> problemdetails.Refusal:
    return problemdetails.Refusal(
        503,
        "auth_unavailable",
        detail,
        remedy="try again; the service's log says more",
        headers={"Retry-After": "2"},
    )
