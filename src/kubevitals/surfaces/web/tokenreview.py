"""The cluster as a guard: TokenReview says who asks, SubjectAccessReview whether the route is theirs.

Answers are remembered for seconds, so that the cluster is asked a few times a minute and not once a request.
Without an answer nobody is let in. It keeps keyed digests of tokens, not tokens.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import hashlib
import json
import logging
import secrets
import time
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from kubevitals import errors, rbac, sanitize
from kubevitals.kube import client as clients
from kubevitals.surfaces.web import auth, problemdetails

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

_LOG = logging.getLogger(__name__)
V = TypeVar("V")

_TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"  # noqa: S105 - a path
_ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_MOST = 4096  # answers of each kind that are remembered
_WAITING = 64  # questions that may wait for the cluster at once
_THREADS = 4
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
        self._threads = concurrent.futures.ThreadPoolExecutor(_THREADS, thread_name_prefix="reviews")
        seconds = (allowed_seconds, refused_seconds)
        self._identities: _ExpiringCache[auth.Identity | None] = _ExpiringCache(self._ask, seconds, clock)
        self._verdicts: _ExpiringCache[bool] = _ExpiringCache(self._ask, seconds, clock)
        self._waiting = 0

    async def admit(self, token: str, *, verb: str, path: str) -> auth.Identity:
        """Return whose token it is. Raises as auth.Backend."""
        digest = hashlib.blake2b(token.encode(), key=self._key, digest_size=32).digest()
        identity = await self._identities.find(digest, lambda: self._review_token(token))
        if identity is None:
            raise auth.unauthorized("the cluster does not know the token", self.schemes)
        asked = reviewed_path(path)
        if len(asked) > _LONGEST_PATH:  # cut off, it would be another path
            raise problemdetails.Refusal(
                414, "path_too_long", f"the path is longer than {_LONGEST_PATH} characters"
            )
        allowed = await self._verdicts.find(
            (identity, verb, asked), lambda: self._review_access(identity, verb, asked)
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
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    async def _ask(self, question: Callable[[], V]) -> V:
        """Return the cluster's answer. Raises problems.Refusal where there is none."""
        if self._waiting >= _WAITING:
            raise _unavailable("too many questions are waiting for the cluster")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, question)
        except errors.ForbiddenError as error:
            _LOG.error(
                "the service's own account may not ask who somebody is: %s", error.message,
                extra={"event": "review_failed"},
            )  # fmt: skip
            raise _unavailable("the service may not ask the cluster who you are") from error
        except (errors.ClusterError, errors.CredentialsError) as error:
            _LOG.warning("a review failed: %s", error.message, extra={"event": "review_failed"})
            raise _unavailable("the cluster cannot be asked who you are") from error
        finally:
            self._waiting -= 1

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


class _ExpiringCache(Generic[V]):
    """Answers that are good for seconds. Who asks the same at the same time waits for one answer."""

    def __init__(
        self, ask: Callable[[Callable[[], V]], Any], seconds: tuple[float, float], clock: Callable[[], float]
    ) -> None:
        """`seconds` that a true answer and that a false one is remembered."""
        self._ask = ask
        self._seconds = seconds
        self._clock = clock
        self._held: dict[Hashable, tuple[float, V]] = {}  # until when; the oldest first
        self._coming: dict[Hashable, asyncio.Future[V]] = {}

    async def find(self, key: Hashable, question: Callable[[], V]) -> V:
        """Return the answer of `question`, which may be remembered. Failures are not."""
        held = self._held.get(key)
        if held is not None and self._clock() < held[0]:
            return held[1]
        coming = self._coming.get(key)
        if coming is None:
            coming = self._coming[key] = asyncio.ensure_future(self._fetch(key, question))
            coming.add_done_callback(lambda done: self._end(key, done))
        return await asyncio.shield(coming)  # who goes away does not take the others' answer along

    async def _fetch(self, key: Hashable, question: Callable[[], V]) -> V:
        asked = self._clock()  # an answer is as old as its question
        answer: V = await self._ask(question)
        self._held.pop(key, None)
        self._held[key] = (asked + self._seconds[0 if answer else 1], answer)
        if len(self._held) > _MOST:
            del self._held[next(iter(self._held))]
        return answer

    def _end(self, key: Hashable, done: asyncio.Future[V]) -> None:
        self._coming.pop(key, None)
        if not done.cancelled():
            done.exception()  # somebody has seen it, or nobody waits any more
