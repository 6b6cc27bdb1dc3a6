"""Is it alive, is it ready, and how is it doing: for supervisors and Prometheus."""

from typing import Literal

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import ResponseSpec
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from vivesphere.kernel.http.authentication import public
from vivesphere.kernel.services import Health, ServiceRegistry


class Live(msgspec.Struct, frozen=True):
    status: Literal["ok"] = "ok"


class Ready(msgspec.Struct, frozen=True):
    """`status` is `ok`, or `failed` if anything has failed. `modules` names each module, plugin and part of the kernel."""

    status: Literal["ok", "failed"]
    modules: dict[str, Health]


def health_routes(services: ServiceRegistry, registry: CollectorRegistry) -> tuple[HTTPRouteHandler, ...]:
    """`/health/live`, `/health/ready` and `/metrics`."""

    @get("/health/live", guards=[public], tags=["health"], sync_to_thread=False)
    def live() -> Live:
        """Whether the process answers at all."""
        return Live()

    @get(
        "/health/ready",
        guards=[public],
        tags=["health"],
        responses={503: ResponseSpec(Ready, description="Something has failed.", generate_examples=False)},
        sync_to_thread=False,
    )
    def ready() -> Response[Ready]:
        """Whether every service works; 503 if one has failed. A degraded service still serves."""
        health = dict(services.health())
        failed = any(each.status == "failed" for each in health.values())
        return Response(Ready("failed" if failed else "ok", health), status_code=503 if failed else 200)

    @get("/metrics", guards=[public], tags=["health"], media_type="text/plain", sync_to_thread=False)
    def metrics() -> Response[bytes]:
        """Counters in Prometheus' text format."""
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return live, ready, metrics
