"""Builds the one HTTP application from the modules' records."""

import asyncio
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import LitestarDeprecationWarning
from litestar.handlers import BaseRouteHandler
from litestar.routes import ASGIRoute, HTTPRoute, WebSocketRoute
from litestar.types import HTTPResponseStartEvent, HTTPScope, Message, Scope

from vivesphere.kernel.bus.handle import BusHandle
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.errors import StartError
from vivesphere.kernel.http.admission import BEGAN_KEY, MODULE_OPT, Admission, Nobody, rule_of
from vivesphere.kernel.http.asyncapi import asyncapi_route
from vivesphere.kernel.http.authentication import Authenticator, Public, Requirement
from vivesphere.kernel.http.body import TypedRequest
from vivesphere.kernel.http.browsers import Browsers
from vivesphere.kernel.http.deprecation import tell_deprecation
from vivesphere.kernel.http.feed import History, StreamContext
from vivesphere.kernel.http.headers import add_headers
from vivesphere.kernel.http.health import health_routes
from vivesphere.kernel.http.idempotency import asking_of
from vivesphere.kernel.http.json_response import JsonResponse
from vivesphere.kernel.http.methods import Server, correct_allow
from vivesphere.kernel.http.openapi import openapi_config
from vivesphere.kernel.http.problems import answer
from vivesphere.kernel.http.rate_limit import AnonymousLimit, HttpSettings
from vivesphere.kernel.http.sockets import AUTHENTICATOR, CLOCK, STOPPING, remember_error
from vivesphere.kernel.http.sse import sse_route
from vivesphere.kernel.http.static import static_files
from vivesphere.kernel.http.stream import stream_route
from vivesphere.kernel.module import Module
from vivesphere.kernel.permissions import Permissions
from vivesphere.kernel.services import ServiceRegistry
from vivesphere.kernel.settings import Settings
from vivesphere.kernel.telemetry import Metrics

TAKEN = {"asking", "body", "browsers", "cookies", "data", "headers", "query", "request", "scope", "socket", "state"}
"""Names of parameters that are filled without a module: by Litestar, `asking` and `browsers` by us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpKernel:
    """What the kernel lends to HTTP. `bus` is a handle of `system`; `static` is where the built UI lies."""

    bus: BusHandle
    history: History
    permissions: Permissions
    services: ServiceRegistry
    settings: Settings
    clock: Clock
    metrics: Metrics
    static: Path
    version: str
    stopping: asyncio.Event


def build_http(modules: Sequence[Module], kernel: HttpKernel) -> Litestar:
    """Every route of every module, behind one door. StartError for two things of one name, or a route nobody guards."""
    _check_names(modules)
    settings = kernel.settings.section("http", HttpSettings)
    authenticator = _authenticator(modules)
    with warnings.catch_warnings():
        # Litestar 3 will want a marker on every parameter; pyproject keeps Litestar below 3, and a name says as much.
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        app = _app(modules, kernel, settings, authenticator)
    _check_guarded(app)
    _spare_the_guards(app)
    return app


def _app(modules: Sequence[Module], kernel: HttpKernel, settings: HttpSettings, authenticator: Authenticator) -> Litestar:
    limit = AnonymousLimit(settings.anonymous_per_minute, kernel.clock)
    browsers = Browsers(settings.public_url)
    streams = StreamContext(
        bus=kernel.bus,
        history=kernel.history,
        permissions=kernel.permissions,
        clock=kernel.clock,
        dropped=kernel.metrics.stream_dropped.inc,
    )
    return Server(
        route_handlers=[
            *(_router(module) for module in modules if module.routes),
            *health_routes(kernel.services, kernel.metrics.registry),
            stream_route(streams),
            sse_route(streams),
            static_files(kernel.static),
        ],
        dependencies={"asking": Provide(asking_of), "browsers": Provide(_giving(browsers), sync_to_thread=False)},
        middleware=[Admission(authenticator, kernel.permissions, limit, browsers)],
        exception_handlers={Exception: answer},
        after_exception=[remember_error],
        before_send=[_finishing(_counting(kernel))],
        request_class=TypedRequest,
        response_class=JsonResponse,
        request_max_body_size=settings.max_body_bytes,
        openapi_config=openapi_config(kernel.version, asyncapi_route(modules, kernel.version)),
        state=State({STOPPING: kernel.stopping, AUTHENTICATOR: authenticator, CLOCK: kernel.clock}),
        logging_config=None,
        debug=False,
    )


def _router(module: Module) -> Router:
    """Each module's routes take that module's own objects, and no other's."""
    return Router(
        path="/",
        route_handlers=list(module.routes),
        dependencies={name: Provide(_giving(thing), sync_to_thread=False) for name, thing in module.provides.items()},
        opt={MODULE_OPT: module.name},
    )


def _giving(thing: object) -> Callable[[], Any]:
    def give() -> Any:
        return thing

    return give


def _check_names(modules: Sequence[Module]) -> None:
    counted = Counter(name for module in modules for name in module.provides)
    if wrong := sorted(name for name, count in counted.items() if count > 1 or name in TAKEN):
        raise StartError(f"The name {wrong[0]!r} is provided by two modules, or is Litestar's own; give it another one.")


def _authenticator(modules: Sequence[Module]) -> Authenticator:
    found = [module.authenticator for module in modules if module.authenticator is not None]
    if len(found) > 1:
        raise StartError("Two modules want to say who is signed in; only one can.")
    return found[0] if found else Nobody()


def _check_guarded(app: Litestar) -> None:
    """A route without a guard is an oversight, so it does not start. Litestar's own answers to OPTIONS have none."""
    for path, handler in handlers(app):
        if rule_of(handler) is None:
            raise StartError(f"The route {path} ({handler.handler_name}) has no guard: say requires(…), signed_in or public.")


def handlers(app: Litestar) -> Iterable[tuple[str, BaseRouteHandler]]:
    """Every handler with its path, except Litestar's own answers to OPTIONS."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for method, (handler, _) in route.route_handler_map.items():
                if method != "OPTIONS":
                    yield route.path, handler
        elif isinstance(route, WebSocketRoute | ASGIRoute):
            yield route.path, route.route_handler


def _finishing(count: Callable[[HTTPResponseStartEvent, Scope], None]) -> Callable[[Message, Scope], Any]:
    """The `before_send` hook. It is one, since Litestar calls each for every message of every answer."""

    async def finish(message: Message, scope: Scope) -> None:
        if message["type"] == "http.response.start":
            add_headers(message, scope)
            tell_deprecation(message, scope)
            correct_allow(message, scope)
            count(message, scope)

    return finish


def _counting(kernel: HttpKernel) -> Callable[[HTTPResponseStartEvent, Scope], None]:
    """One count for each answer, and how long its first byte took."""
    counters: dict[tuple[str, str, int], Callable[[], None]] = {}
    observe = kernel.metrics.http_seconds.observe

    def count(message: HTTPResponseStartEvent, scope: Scope) -> None:
        which = (cast("HTTPScope", scope)["method"], scope.get("path_template") or "unknown", message["status"])
        counted = counters.get(which)
        if counted is None:
            method, route, status = which
            counted = counters[which] = kernel.metrics.http_requests.labels(method, route, str(status)).inc
        counted()
        if (began := scope["state"].get(BEGAN_KEY)) is not None:
            observe(time.perf_counter() - began)

    return count


def _spare_the_guards(app: Litestar) -> None:
    """The door has decided before a route's guards are asked, and Litestar copies the handler for each of them, which costs
    more than the door: an eighth of its work on a read."""
    for _, handler in handlers(app):
        guards = handler.resolve_guards()
        guards[:] = [guard for guard in guards if not isinstance(guard, Requirement | Public)]
