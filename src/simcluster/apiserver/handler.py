"""The handler of the simulated API server: from a request to its response.

The order is the real API server's: authentication, impersonation, request info, authorization, storage.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from simcluster import errors, faults
from simcluster.apiserver import (
    api_errors,
    auth_reviews,
    authorizer,
    discovery,
    metrics_server,
    negotiation,
    nonresource_paths,
    pod_logs,
    request_info,
    storage,
    table_printer,
    watch_stream,
)
from simcluster.http import messages

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from simcluster import apiobjects
    from simcluster.apiserver import watch_cache

_FAULTS_PATH = "/simulation/faults"


_APPLICATION = b"# TYPE http_requests_total counter\nhttp_requests_total 42\n"  # of every pod that is asked


class Handler:
    """Answers requests to the API server. Threads may share it.

    `clock` gives the simulated time. `live` is called before each response and may advance the
    world to that time. `relay` forwards a request to the kubelet of a node; it takes the node's
    name and the path at the kubelet. `replace` gives the answer that a fault puts in the place of ours.
    """

    def __init__(
        self,
        *,
        objects: watch_cache.WatchCache,
        usage: metrics_server.MetricsServer,
        registry: authorizer.Registry,
        fault_set: faults.FaultSet,
        metrics_versions: Sequence[str],
        clock: Callable[[], float],
        live: Callable[[], None],
        set_faults: Callable[[Sequence[str]], None],
        relay: Callable[[str, str, messages.Request], messages.Response],
        replace: Callable[[messages.Request], messages.Response | None] = lambda _: None,
        bookmark_seconds: float = 60.0,
    ) -> None:
        self._store = objects
        self._storage = storage.Storage(objects)
        self._usage = usage
        self._registry = registry
        self._faults = fault_set
        self._metrics_versions = tuple(metrics_versions)
        self._clock = clock
        self._live = live
        self._set_faults = set_faults
        self._relay = relay
        self._replace = replace
        self._bookmark_seconds = bookmark_seconds

    def answer(
        self, request: messages.Request, certificate_user: authorizer.User | None = None
    ) -> messages.Response:
        """The response to `request`. `certificate_user` is the user of requests without another
        credential.
        """
        spared = request.path in nonresource_paths.HEALTH or request.path == _FAULTS_PATH
        try:
            if not spared:
                early = self._strike_early()
                if early is not None:
                    return early
            user = self._authenticate(request, certificate_user, spared=spared)
            response = self._answer_as(self._impersonate(user, request), request)
        except api_errors.StatusError as error:
            return api_errors.response(error)
        if not spared and response.status == 200 and self._faults.take("cut-off"):
            response.cut = True
        response.clock_lead = self._faults.value("clock") or 0.0
        return response

    def _strike_early(self) -> messages.Response | None:
        if self._faults.take("connection-reset"):
            response = messages.Response(500)
            response.reset = True
            return response
        delay = self._faults.value("slow")
        if delay is not None:
            time.sleep(delay)
        if self._faults.take("throttled"):
            text = "Too many requests, please try again later."
            return api_errors.text_response(429, text, headers=(("Retry-After", "1"),))
        return None

    def _authenticate(
        self, request: messages.Request, certificate_user: authorizer.User | None, *, spared: bool
    ) -> authorizer.User:
        if self._faults.active("unauthorized") and not spared:
            raise api_errors.unauthorized()
        credential = request.headers.get("authorization", "")
        if credential:
            scheme, _, token = credential.partition(" ")
            user = self._registry.by_token(token.strip()) if scheme.lower() == "bearer" else None
            if user is None:
                raise api_errors.unauthorized()
            return user
        if certificate_user is not None:
            return certificate_user
        return authorizer.User(authorizer.ANONYMOUS, groups=["system:unauthenticated"])

    def _impersonate(self, user: authorizer.User, request: messages.Request) -> authorizer.User:
        name = request.headers.get("impersonate-user")
        wanted = [(key, value) for key, value in request.values if key.startswith("impersonate-")]
        if not wanted:
            return user
        if not name:
            raise api_errors.impersonated_nobody(
                [value for key, value in wanted if key == "impersonate-group"],
                uid=request.headers.get("impersonate-uid", ""),
            )
        if not user.master:
            raise self._impersonation_forbidden(user, request)
        groups = [value for key, value in wanted if key == "impersonate-group"]
        extra: dict[str, list[str]] = {}
        for key, value in wanted:
            if key.startswith("impersonate-extra-"):
                extra.setdefault(key.removeprefix("impersonate-extra-"), []).append(value)
        return self._registry.act_as(
            name, groups, uid=request.headers.get("impersonate-uid", ""), extra=extra
        )

    @staticmethod
    def _impersonation_forbidden(user: authorizer.User, request: messages.Request) -> api_errors.StatusError:
        """As 1.36 says it, where the right to impersonate may be limited to some requests."""
        what = request_info.parse(request).attributes
        verb = f"impersonate-on:user-info:{what.verb}"
        if what.path:
            return api_errors.forbidden_path(user.name, verb, what.path)
        return api_errors.forbidden(
            user.name,
            verb,
            what.resource,
            group=what.group,
            namespace=what.namespace,
            name=what.name,
            subresource=what.subresource,
        )

    def _answer_as(self, user: authorizer.User, request: messages.Request) -> messages.Response:
        route = request_info.parse(request)
        what = route.attributes
        if what.path == _FAULTS_PATH:
            return self._answer_faults(user, request)
        self._authorize(user, what)
        replaced = self._replace(request) if request.method == "GET" else None
        if replaced is not None:
            return replaced
        if what.path:
            unavailable = self._faults.active("metrics-unavailable")
            return nonresource_paths.answer(
                what.path, request, self.served_metrics(), unavailable=unavailable
            )
        return self._answer_resource(user, route, request)

    def _authorize(self, user: authorizer.User, what: authorizer.Attributes) -> None:
        struck = self._faults.value("forbidden") if self._faults.active("forbidden") else None
        if (
            struck is not None
            and not what.path
            and struck in {"", what.resource, api_errors.qualified(what.resource, what.group)}
        ):
            pass
        elif user.allows(what):
            return
        if what.path:
            raise api_errors.forbidden_path(user.name, what.verb, what.path)
        raise api_errors.forbidden(
            user.name,
            what.verb,
            what.resource,
            group=what.group,
            namespace=what.namespace,
            name=what.name,
            subresource=what.subresource,
        )

    def served_metrics(self) -> tuple[str, ...]:
        """The versions of the metrics API that are registered at the moment."""
        return () if self._faults.active("metrics-absent") else self._metrics_versions

    def _answer_faults(self, user: authorizer.User, request: messages.Request) -> messages.Response:
        if not user.master:
            raise api_errors.forbidden_path(user.name, request.method.lower(), _FAULTS_PATH)
        if request.method in {"PUT", "POST"}:
            try:
                wanted = json.loads(request.body)
                names = wanted["faults"] if isinstance(wanted, dict) else wanted
                if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                    raise TypeError  # noqa: TRY301 one answer for every shape that is wrong
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise api_errors.bad_request('send a list of faults, such as ["slow=2s"]') from error
            try:
                self._set_faults(names)
            except errors.SimulationError as error:
                raise api_errors.bad_request(f"{error}; {error.remedy}") from error
        elif request.method == "DELETE":
            self._set_faults([])
        elif request.method != "GET":
            raise api_errors.method_not_allowed()
        known = [
            {"name": each.name, "argument": each.argument, "summary": each.summary}
            for each in faults.FAULTS.values()
        ]
        return nonresource_paths.json_response({"faults": self._faults.names(), "known": known})

    # --- resources

    def _answer_resource(
        self, user: authorizer.User, route: request_info.RequestInfo, request: messages.Request
    ) -> messages.Response:
        what, resource = route.attributes, route.resource
        if what.group == metrics_server.GROUP:
            return self._answer_metrics(route, request)
        if resource is None or not route.known:
            served = discovery.resource_list(what.group, what.version, ()) is not None
            if served:
                raise api_errors.unknown_resource()
            return api_errors.text_response(404, "404 page not found")
        self._live()
        if resource.verbs == ("create",):
            if what.name and request.method == "GET":
                raise api_errors.unknown_resource()
            if what.verb != "create" or what.name:
                raise api_errors.method_not_allowed()
            review = auth_reviews.answer(
                resource, what.namespace, request.body, user=user, registry=self._registry, now=self._clock()
            )
            return messages.Response(201, api_errors.encode(review) + b"\n")
        if resource.key == "nodes" and what.subresource == "proxy":
            self._storage.find(resource, "", what.name)  # raises 404
            return self._relay(what.name, f"/{'/'.join(request.path.split('/')[6:])}", request)
        if resource.key == "pods" and what.subresource == "proxy":
            name = what.name.rpartition(":")[0] or what.name
            self._storage.find(resource, what.namespace, name)  # raises 404
            return messages.Response(200, _APPLICATION, content_type="text/plain; version=0.0.4")
        if what.verb not in {"get", "list", "watch"}:
            raise api_errors.method_not_allowed()
        if what.verb == "get":
            return self._answer_get(resource, what, request)
        query = storage.ListOptions(resource, what.namespace, request)
        if what.verb == "watch":
            return self._answer_watch(query, request)
        form = self._form(request)
        if form.kind == "table":
            include = request.query.get("includeObject", "Metadata")
            return messages.Response(200, self._storage.table_body(query, form, include, now=self._clock()))
        if form.kind == "metadata":
            return messages.Response(200, self._storage.metadata_body(query, form))
        return messages.Response(200, self._storage.list_body(query))

    @staticmethod
    def _form(request: messages.Request, *, lists_: bool = True, protobuf: bool = False) -> negotiation.Form:
        form = negotiation.choose(request.headers.get("accept", ""), lists=lists_, protobuf=protobuf)
        if form is None:
            raise api_errors.not_acceptable(
                lists=lists_, transformed="as=" in request.headers.get("accept", "")
            )
        return form

    def _answer_get(
        self, resource: apiobjects.Resource, what: authorizer.Attributes, request: messages.Request
    ) -> messages.Response:
        if what.subresource not in {"", "log"} or (what.subresource == "log" and resource.key != "pods"):
            raise api_errors.unknown_resource()
        entry = self._storage.find(resource, what.namespace if resource.namespaced else "", what.name)
        if what.subresource == "log":
            text = pod_logs.read(entry, request.query, now=self._clock())
            return messages.Response(200, text, content_type="text/plain")
        form = self._form(request, lists_=False)
        if form.kind == "table":
            include = request.query.get("includeObject", "Metadata")
            metadata = {"resourceVersion": str(entry.version)}
            table = table_printer.build(
                resource, [entry], metadata=metadata, version=form.version, include=include, now=self._clock()
            )
            return nonresource_paths.json_response(table)
        if form.kind == "metadata":
            return nonresource_paths.json_response(table_printer.partial(entry, version=form.version))
        return messages.Response(200, messages.Body((entry.encoded(), b"\n")))

    def _answer_watch(self, query: storage.ListOptions, request: messages.Request) -> messages.Response:
        # Events hold single objects. Who asks for lists is told nothing at all, as by the real server.
        form = negotiation.choose(request.headers.get("accept", ""), lists=False)
        silent = form is None
        form = form or self._form(request)
        watch = watch_stream.Watch(
            self._store,
            query,
            request,
            form=form,
            clock=self._clock,
            bookmark_seconds=self._bookmark_seconds,
            silent=silent,
        )
        if self._faults.active("watch-gone"):
            return messages.Response(200, stream=[watch.gone_line()])
        return messages.Response(200, stream=watch.stream())

    def _answer_metrics(
        self, route: request_info.RequestInfo, request: messages.Request
    ) -> messages.Response:
        what, resource = route.attributes, route.resource
        if what.version not in self.served_metrics():
            return api_errors.text_response(404, "404 page not found")
        if self._faults.active("metrics-unavailable"):
            return api_errors.text_response(503, "service unavailable")
        if resource is None or not route.known or what.subresource:
            raise api_errors.unknown_resource()
        if what.verb == "watch":
            raise api_errors.not_supported(what.resource, what.group, "watch")
        if what.verb not in {"get", "list"}:
            raise api_errors.method_not_allowed()
        form = self._form(request, protobuf=True, lists_=what.verb == "list")
        if what.verb == "get":
            self._check_measured_exists(what)
        if what.verb == "get" and form.kind in {"json", "protobuf"}:
            body = self._usage.find(
                what.resource, what.version, namespace=what.namespace, name=what.name, form=_media(form)
            )
            return messages.Response(200, body, content_type=_media(form))
        labels, fields = storage.parse_selectors(request, api_errors.qualified(what.resource, what.group))
        if form.kind in {"json", "protobuf"}:
            body = self._usage.list(
                what.resource,
                what.version,
                namespace=what.namespace,
                labels=labels,
                fields=fields,
                form=_media(form),
            )
            return messages.Response(200, body, content_type=_media(form))
        return nonresource_paths.json_response(
            self._usage.table(
                what.resource, form, namespace=what.namespace, name=what.name, labels=labels, fields=fields
            )
        )

    def _check_measured_exists(self, what: authorizer.Attributes) -> None:
        """StatusError 404 without the node or pod itself, in metrics-server's words for that."""
        self._live()
        key = f"{what.namespace}/{what.name}" if what.resource == "pods" else what.name
        if self._store.current(what.resource).find(key) is None:
            raise api_errors.not_found({"nodes": "node"}.get(what.resource, what.resource), "", what.name)


def _media(form: negotiation.Form) -> str:
    return metrics_server.PROTOBUF if form.kind == "protobuf" else metrics_server.JSON
