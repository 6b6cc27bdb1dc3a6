"""The record that a module hands to the composition root, and the context it is built from."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from litestar.types import ControllerRouterHandler
    from structlog.stdlib import BoundLogger

    from vivesphere.kernel.bus.durable import Delivery
    from vivesphere.kernel.bus.handle import BusHandle
    from vivesphere.kernel.bus.live import Key, Overflow
    from vivesphere.kernel.bus.log import EventHistory
    from vivesphere.kernel.bus.messages import Event, Request
    from vivesphere.kernel.bus.overview import BusOverview
    from vivesphere.kernel.bus.redelivery import Redelivery
    from vivesphere.kernel.clock import Clock
    from vivesphere.kernel.db.access import TableCatalog
    from vivesphere.kernel.db.backup.backups import Backups
    from vivesphere.kernel.db.broker.broker import SqlHandle
    from vivesphere.kernel.db.granting import TableGrants
    from vivesphere.kernel.db.handle import DatabaseHandle
    from vivesphere.kernel.db.maintenance import Maintenance
    from vivesphere.kernel.effects import EffectsHandle
    from vivesphere.kernel.http.authentication import Authenticator
    from vivesphere.kernel.lifetime import Lifetime
    from vivesphere.kernel.permissions import Permissions
    from vivesphere.kernel.principals import Principal
    from vivesphere.kernel.services import Health, ServiceRegistry
    from vivesphere.kernel.settings import Settings
    from vivesphere.kernel.vault import Vault


@dataclass(frozen=True, slots=True)
class Handles:
    """What a principal that is no module acts through."""

    bus: "BusHandle"
    effects: "EffectsHandle"
    sql: "SqlHandle"


@dataclass(frozen=True, slots=True)
class ModuleContext:
    """Everything a module may use, each part already bound to the module's principal."""

    name: str
    principal: "Principal"
    bus: "BusHandle"
    history: "EventHistory"
    redelivery: "Redelivery"
    bus_overview: "Callable[[], BusOverview]"
    db: "DatabaseHandle"
    access: "TableCatalog"
    refresh_access: "Callable[[], Awaitable[None]]"
    grants: "TableGrants"
    backups: "Backups"
    maintenance: "Maintenance"
    effects: "EffectsHandle"
    vault: "Vault"
    settings: "Settings"
    permissions: "Permissions"
    services: "ServiceRegistry"
    clock: "Clock"
    lifetime: "Lifetime"
    log: "BoundLogger"
    sql: "Callable[[Principal], SqlHandle]"
    """Gives out SQL for a person. Only `data` has it; every other module's raises PermissionError."""
    issue: "Callable[[Principal, Lifetime], Handles]"
    """Gives out handles for another principal. Only `plugins` has it; every other module's raises PermissionError."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A live listener: an event class or a topic pattern, and the coroutine function that takes its envelope. The rest is as in
    `BusHandle.listen`."""

    to: "type[Event] | str"
    handler: Callable[[Any], Awaitable[None]]
    capacity: int = 1000
    overflow: "Overflow" = "drop_oldest"
    key: "Key | None" = None
    lanes: int = 1


@dataclass(frozen=True, slots=True)
class DurableListener:
    """A listener that may miss nothing: the events, the coroutine function that takes each delivery, its name in the log. The
    rest is as in `BusHandle.listen_durably`."""

    to: "tuple[type[Event], ...]"
    handler: "Callable[[Delivery[Any]], Awaitable[None]]"
    name: str
    ordered: bool = False
    key: "Key | None" = None
    lanes: int = 1
    start: str = "now"
    max_deliver: int = 10


@dataclass(frozen=True, slots=True)
class Job:
    """A task that runs as long as the module does; one that raises is started again with back-off."""

    name: str
    run: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class OperatorCommand:
    """What the CLI may ask over the operator socket: `module.verb`, JSON in, JSON out."""

    name: str
    run: Callable[[dict[str, Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class OperatorStream:
    """What the CLI may follow while the server runs: JSON in, one JSON value after another out, until either side ends it."""

    name: str
    run: Callable[[dict[str, Any]], AsyncGenerator[Any, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One module's wiring. `provides` are the objects its route handlers may take as parameters, by name."""

    name: str
    responders: "Mapping[type[Request[Any]], Callable[[Any], Awaitable[Any]]]" = field(default_factory=dict)
    listeners: tuple[Listener, ...] = ()
    durable_listeners: tuple[DurableListener, ...] = ()
    publishes: "tuple[type[Event], ...]" = ()
    routes: "tuple[ControllerRouterHandler, ...]" = ()
    provides: Mapping[str, object] = field(default_factory=dict)
    jobs: tuple[Job, ...] = ()
    operator_commands: tuple[OperatorCommand, ...] = ()
    operator_streams: tuple[OperatorStream, ...] = ()
    start: Callable[[], Awaitable[None]] | None = None
    stop: Callable[[], Awaitable[None]] | None = None
    health: "Callable[[], Health] | None" = None
    authenticator: "Authenticator | None" = None
