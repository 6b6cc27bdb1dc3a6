"""What the process tells of itself: structured logs and Prometheus metrics."""

import logging
import sys
from collections.abc import Iterable, MutableMapping
from itertools import accumulate
from typing import Annotated, Any, Literal, TextIO

import msgspec
import structlog
from msgspec import Meta
from prometheus_client import CollectorRegistry, Counter, GCCollector, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from vivesphere.kernel.bus.bus import Bus
from vivesphere.kernel.bus.messages import MASK
from vivesphere.kernel.bus_metrics import of_bus
from vivesphere.kernel.cause import current_cause
from vivesphere.kernel.db import spread
from vivesphere.kernel.db.handle import Database, DatabaseStatistics
from vivesphere.kernel.loop_watch import LoopWatch
from vivesphere.kernel.services import ServiceRegistry

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SECRET_WORDS = ("password", "token", "secret", "authorization", "master_key", "api_key")
CHATTY = ("httpx", "alembic", "uvicorn")
"""Libraries that tell of every request (with its URL), migration step or connection, which our own lines do better."""
_HEALTH = {"ok": 0, "degraded": 1, "failed": 2}


_without_locals = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
"""Local variables hold passwords and tokens; structlog's own formatters print them."""


class LogSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Section `log`."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="The least important lines that are written.")
    ] = "info"
    format: Annotated[
        Literal["auto", "console", "json"],
        Meta(description="`auto` is for people on a terminal and JSON, one object a line, everywhere else."),
    ] = "auto"


def configure_logging(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Send every log line, the libraries' too, through structlog to `stream` (standard error). May be called again while the
    process runs: whatever the settings decide is in the handler and the root's level, which loggers in use do not remember."""
    out = stream or sys.stderr
    for_people = settings.format == "console" or (settings.format == "auto" and out.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        add_cause,
        mask_secrets,
    ]
    last: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback)]
        if for_people
        else [structlog.processors.ExceptionRenderer(_without_locals), structlog.processors.JSONRenderer(serializer=_json)]
    )
    stamp = structlog.processors.TimeStamper(fmt="%H:%M:%S" if for_people else "iso", utc=not for_people)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, stamp, *last]
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)


def add_cause(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Adds the correlation id of what is being done, so that a line leads to its chain."""
    cause = current_cause()
    if cause is not None:
        line.setdefault("correlation_id", cause.correlation_id)
    return line


def mask_secrets(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Masks values whose key sounds like a secret: the last net, not the first."""
    for key in line:
        if any(word in key.lower() for word in SECRET_WORDS):
            line[key] = MASK
    return line


class Metrics:
    """One registry for the process, and the counters of its edges. What others count themselves is read when asked."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.http_requests = Counter(
            "vivesphere_http_requests", "Answered requests.", ["method", "route", "status"], registry=self.registry
        )
        self.http_seconds = Histogram(
            "vivesphere_http_request_seconds", "From routing to the first byte.", buckets=SECONDS, registry=self.registry
        )
        self.stream_dropped = Counter(
            "vivesphere_stream_dropped", "Events that slow WebSocket clients missed.", registry=self.registry
        )
        self.loop_lag = Histogram(
            "vivesphere_loop_lag_seconds",
            "How late the event loop came, each time it was measured.",
            buckets=SECONDS,
            registry=self.registry,
        )
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def watch(self, bus: Bus, database: Database, services: ServiceRegistry) -> None:
        """Show what bus and database count themselves, and each service's health."""
        self.registry.register(KernelCollector(bus, database, services))

    def watch_loop(self, loop: LoopWatch) -> None:
        """Show who blocked the event loop, and how often."""
        self.registry.register(LoopCollector(loop))


class KernelCollector(Collector):
    """Reads the kernel's counts at the moment of asking, so that counting costs the hot paths nothing."""

    def __init__(self, bus: Bus, database: Database, services: ServiceRegistry) -> None:
        self._bus = bus
        self._database = database
        self._services = services

    def collect(self) -> Iterable[Metric]:
        yield from of_bus(self._bus.overview())
        yield from _of_database(self._database.statistics())
        health = GaugeMetricFamily("vivesphere_service_health", "0 ok, 1 degraded, 2 failed.", labels=["service"])
        for name, state in self._services.health().items():
            health.add_metric([name], _HEALTH[state.status])
        yield health


class LoopCollector(Collector):
    """Reads the loop watch's counts at the moment of asking."""

    def __init__(self, loop: LoopWatch) -> None:
        self._loop = loop

    def collect(self) -> Iterable[Metric]:
        blocked = CounterMetricFamily(
            "vivesphere_loop_blocked", "Times the event loop was blocked, by who held it.", labels=["culprit"]
        )
        for culprit, times in self._loop.by_culprit.items():
            blocked.add_metric([culprit], times)
        yield blocked


def _of_database(counts: DatabaseStatistics) -> Iterable[Metric]:
    yield CounterMetricFamily("vivesphere_database_units", "Units of work written.", value=counts.units)
    yield CounterMetricFamily("vivesphere_database_commits", "Commits that carried them.", value=counts.groups)
    yield CounterMetricFamily("vivesphere_database_refused", "Statements refused by the table ACL.", value=counts.refused)
    yield GaugeMetricFamily("vivesphere_database_queued", "Units of work that wait to be written.", value=counts.queued)
    yield GaugeMetricFamily("vivesphere_database_waiting", "Callers that wait for a place among them.", value=counts.waiting)
    if counts.group_units is not None and counts.commit_seconds is not None:
        yield _histogram("vivesphere_database_commit_units", "Units of work in one commit.", counts.group_units)
        yield _histogram("vivesphere_database_commit_seconds", "What the disk takes for a commit.", counts.commit_seconds)
    yield GaugeMetricFamily(
        "vivesphere_database_read_connections", "Open connections that read.", value=counts.read_connections
    )


def _histogram(name: str, told: str, values: spread.Histogram) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, told)
    bounds = [*map(str, values.bounds), "+Inf"]
    family.add_metric([], list(zip(bounds, accumulate(values.counts), strict=True)), values.total)
    return family


def _json(line: Any, **_options: Any) -> str:
    return msgspec.json.encode(line, enc_hook=str).decode()
