"""The composition root: names every module, and turns settings into a running server.

`Application.start` brings up, in this order: data directory, vault, database (migrated), bus, effects gate, modules, HTTP.
`stop` goes back the same way. The CLI's offline commands start the same application and do not listen.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any, NoReturn

import click
import msgspec
import structlog
from litestar import Litestar

from vivesphere import first_start, tables
from vivesphere.contracts import auth, bots, data, plans, plugins, secrets, tools, triggers
from vivesphere.contracts import settings as settings_contract
from vivesphere.kernel import paths, principals, release, serving, telemetry
from vivesphere.kernel.bus.audit import AuditRecorder
from vivesphere.kernel.bus.audit_policy import AuditPolicy
from vivesphere.kernel.bus.bus import Bus
from vivesphere.kernel.bus.handle import BusHandle
from vivesphere.kernel.bus.limits import BusSettings, Limits
from vivesphere.kernel.bus.log import DatabaseDeliveryLog, DatabaseEventLog, EventHistory
from vivesphere.kernel.bus.messages import Request
from vivesphere.kernel.bus.overview import BusOverview
from vivesphere.kernel.bus.redelivery import Redelivery
from vivesphere.kernel.bus.reports import own_cause
from vivesphere.kernel.bus.retention import EventLogSettings, EventRetention
from vivesphere.kernel.clock import Clock, SystemClock
from vivesphere.kernel.data_directory import DataDirectory
from vivesphere.kernel.db import installation, migrate
from vivesphere.kernel.db.access_reports import AccessReports
from vivesphere.kernel.db.backup.backups import Backups
from vivesphere.kernel.db.backup.origins import origin_of
from vivesphere.kernel.db.broker.broker import Broker
from vivesphere.kernel.db.broker.gate import SqlGate
from vivesphere.kernel.db.broker.statement import Dialect
from vivesphere.kernel.db.granting import TableGrants
from vivesphere.kernel.db.handle import Database, DatabaseHandle
from vivesphere.kernel.db.location import SqlitePlace, place_of, pool_size
from vivesphere.kernel.db.maintenance import Maintenance
from vivesphere.kernel.db.work import Hooks
from vivesphere.kernel.effects import Effects, EffectsSettings
from vivesphere.kernel.http.server import HttpKernel, build_http
from vivesphere.kernel.lifetime import Lifetime
from vivesphere.kernel.loop_watch import LoopSettings, LoopWatch
from vivesphere.kernel.module import Handles, Module, ModuleContext, OperatorCommand, OperatorStream
from vivesphere.kernel.operator_socket import Ask, OperatorRefused, OperatorSocket, carry_out
from vivesphere.kernel.outbound import Outbound
from vivesphere.kernel.permissions import Permissions
from vivesphere.kernel.principals import SYSTEM, Principal
from vivesphere.kernel.services import ServiceRegistry
from vivesphere.kernel.settings import Settings
from vivesphere.kernel.startup import begin, check_answered, check_contracts, end, wire
from vivesphere.kernel.telemetry import LogSettings, Metrics
from vivesphere.kernel.vault import Vault
from vivesphere.modules.audit.module import build as audit_module
from vivesphere.modules.auth.module import build as auth_module
from vivesphere.modules.bots.module import build as bots_module
from vivesphere.modules.data.module import build as data_module
from vivesphere.modules.plans.module import build as plans_module
from vivesphere.modules.plugins.module import build as plugins_module
from vivesphere.modules.secrets.module import build as secrets_module
from vivesphere.modules.settings.module import build as settings_module
from vivesphere.modules.tools.module import build as tools_module
from vivesphere.modules.triggers.module import build as triggers_module

Build = Callable[[ModuleContext], Module]

# The order of the start: a module that asks another while it starts comes after it. The stop goes backwards.
MODULES: Mapping[str, Build] = {
    "settings": settings_module,
    "audit": audit_module,
    "auth": auth_module,
    "secrets": secrets_module,
    "data": data_module,
    "tools": tools_module,
    "plugins": plugins_module,
    "bots": bots_module,
    "plans": plans_module,
    "triggers": triggers_module,
}

CONTRACTS: tuple[ModuleType, ...] = (auth, bots, data, plans, plugins, secrets, settings_contract, tools, triggers)

FIRST_START = "first_start"
STOP_DEADLINE = 5.0

log = structlog.get_logger("vivesphere.app")


class Application:
    """Everything of one running server but the socket it listens on. `running` makes one and stops it again."""

    def __init__(
        self, settings: Settings, clock: Clock, builds: Mapping[str, Build], stopping: asyncio.Event | None = None
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.data = DataDirectory(settings.server.data_dir)
        server = settings.server
        pool = pool_size(server.env, server.database_pool, server.database_overflow)
        self._place = place_of(server.database_url, self.data.database, pool)
        self.permissions = Permissions()
        self.services = ServiceRegistry()
        self.metrics = Metrics()
        self.lifetime = Lifetime("server")
        self.stopping = stopping or asyncio.Event()
        self.bus = Bus(permissions=self.permissions, limits=Limits(settings.section("bus", BusSettings), clock), clock=clock)
        self.loop_watch = LoopWatch(
            settings.section("loop", LoopSettings),
            places=(paths.PACKAGE, paths.plugins()),
            tell=lambda blocked: self.bus.deliver(self.bus.envelope(blocked, own_cause())),
            observe=self.metrics.loop_lag.observe,
        )
        settings.watch("loop", LoopSettings, self.loop_watch.change)
        self.modules: list[tuple[Module, ModuleContext]] = []
        self._builds = builds
        self._releases: list[Callable[[], Awaitable[None]]] = []

    async def start(self) -> None:
        """Bring everything up. If that fails half-way, `stop` takes down what is up."""
        self.data.hold()
        self.vault = Vault.open(self.data.path, self.settings.server.master_key, log)
        await self._open_database()
        await self._open_effects()
        for name, build in self._builds.items():
            context = self._context(name)
            self.modules.append((build(context), context))
        check_contracts(CONTRACTS, [module for module, _ in self.modules])
        for module, context in self.modules:
            wire(module, context)
        check_answered((each for each in requests() if each.topic.partition(".")[0] in self._builds), self.bus.answered())
        self.http = self._build_http()
        for warning in self.settings.check():
            log.warning(warning)
        self.loop_watch.start()
        self.lifetime.add("loop watch", self.loop_watch.stop)
        for module, context in self.modules:
            await begin(module, context)
        if self._builds.keys() >= MODULES.keys():
            await self._furnish()

    async def stop(self) -> None:
        """Take down what is up, in the reverse order."""
        self.stopping.set()
        for module, context in reversed(self.modules):
            await end(module, context, STOP_DEADLINE)
        await self.lifetime.close(STOP_DEADLINE)
        await self.bus.close(STOP_DEADLINE)
        for release_part in reversed(self._releases):
            await release_part()
        self.data.release()

    def operator_commands(self) -> Mapping[str, OperatorCommand]:
        """What the CLI may ask."""
        return {command.name: command for module, _ in self.modules for command in module.operator_commands}

    def operator_streams(self) -> Mapping[str, OperatorStream]:
        """What the CLI may follow."""
        return {stream.name: stream for module, _ in self.modules for stream in module.operator_streams}

    async def _open_database(self) -> None:
        backups = self.data.backups
        await asyncio.to_thread(migrate.bring_up_to_date, self._place, owners=tables.owners(), backups=backups)
        hooks = Hooks(
            check=self.bus.check,
            dispatch=self.bus.dispatch,
            report=AccessReports(self.clock, self.bus.trouble.report),
            break_loop=self.bus.trouble.loop_broken,
        )
        self.database = await Database.open(self._place, clock=self.clock, hooks=hooks)
        self._releases.append(self.database.close)
        dialect: Dialect = "sqlite" if isinstance(self._place, SqlitePlace) else "postgresql"
        self.broker = Broker(self.database.handle, dialect, SqlGate())
        self.permissions.watch(self.database.access.permit)
        self.bus.read_with(DatabaseDeliveryLog(self.database.handle(SYSTEM), self.clock))
        self.services.register("database", self.database.health)
        self.services.register("bus", self.bus.health)
        self._keep_events(self.database.handle(SYSTEM))
        known = migrate.revisions(paths.migrations())
        self.backups = Backups(origin_of(self._place), backups, known, self.clock)
        await self.backups.tidy(self._place.file.parent if isinstance(self._place, SqlitePlace) else self.data.path)

    def _keep_events(self, system: DatabaseHandle) -> None:
        """Record events, and keep the log within its limits."""
        event_log = DatabaseEventLog(self.database.handle)
        self.bus.record_with(event_log.record)
        self.redelivery = Redelivery(system, lambda: tuple(self.bus.durable))
        retention = EventRetention(
            system,
            self.settings.section("events", EventLogSettings),
            log=event_log,
            redelivery=self.redelivery,
            bound_journal=self.database.bound_journal,
            running=lambda: tuple(self.bus.durable),
            clock=self.clock,
        )
        self.settings.watch("events", EventLogSettings, retention.change)
        self.services.register("event log", retention.health)
        recorder = AuditRecorder(retention.append, self.clock)
        recorder.start()
        # Not of the lifetime: what modules say while they stop, and what the bus still hands out, is to be recorded, too.
        self._releases.append(recorder.close)
        bus = self.settings.watch("bus", BusSettings, lambda new: self.bus.change(new, AuditPolicy.parse(new.audit)))
        self.bus.audit_with(AuditPolicy.parse(bus.audit), recorder)
        self.lifetime.spawn(retention.run(), name="event retention")

    def _bus_overview(self) -> BusOverview:
        return msgspec.structs.replace(self.bus.overview(), loop=self.loop_watch.statistics())

    async def _open_effects(self) -> None:
        outbound = Outbound(self.settings.section("effects", EffectsSettings))
        self.effects = Effects(
            db=self.database.handle(SYSTEM), permissions=self.permissions, outbound=outbound, clock=self.clock, log=log
        )
        self._releases.append(self.effects.close)
        await self.effects.recover()

    def _context(self, name: str) -> ModuleContext:
        principal = principals.module(name)
        lifetime = self.lifetime.child(name)
        return ModuleContext(
            name=name,
            principal=principal,
            bus=BusHandle(self.bus, principal, lifetime),
            effects=self.effects.handle(principal),
            db=self.database.handle(principal),
            access=self.database.access,
            refresh_access=self.database.refresh_access,
            grants=TableGrants(self.database.handle(SYSTEM), self.database.refresh_access),
            history=EventHistory(self.database.handle(SYSTEM)),
            redelivery=self.redelivery,
            backups=self.backups,
            maintenance=Maintenance(self._place, tables.owners()),
            bus_overview=self._bus_overview,
            vault=self.vault,
            settings=self.settings,
            permissions=self.permissions,
            services=self.services,
            clock=self.clock,
            lifetime=lifetime,
            log=structlog.get_logger(f"vivesphere.{name}"),
            sql=self.broker.handle if name == "data" else _refuse_to_speak,
            issue=self._issue if name == "plugins" else _refuse_to_issue,
        )

    def _issue(self, principal: Principal, lifetime: Lifetime) -> Handles:
        return Handles(
            bus=BusHandle(self.bus, principal, lifetime),
            effects=self.effects.handle(principal),
            sql=self.broker.handle(principal),
        )

    def _build_http(self) -> Litestar:
        self.metrics.watch(self.bus, self.database, self.services)
        self.metrics.watch_loop(self.loop_watch)
        kernel = HttpKernel(
            bus=BusHandle(self.bus, SYSTEM, self.lifetime.child("http")),
            history=EventHistory(self.database.handle(SYSTEM)),
            permissions=self.permissions,
            services=self.services,
            settings=self.settings,
            clock=self.clock,
            metrics=self.metrics,
            static=paths.static(),
            version=release.version(),
            stopping=self.stopping,
        )
        return build_http([module for module, _ in self.modules], kernel)

    async def _furnish(self) -> None:
        system = self.database.handle(SYSTEM)
        if await system.read(installation.read_fact, FIRST_START) is None:
            await first_start.furnish(BusHandle(self.bus, SYSTEM, self.lifetime))
            await system.write(installation.write_fact, FIRST_START, self.clock.now().isoformat())


@asynccontextmanager
async def running(
    settings: Settings,
    *,
    clock: Clock | None = None,
    builds: Mapping[str, Build] = MODULES,
    stopping: asyncio.Event | None = None,
) -> AsyncIterator[Application]:
    """A whole server but for its socket; stopped at the end of the block. `stopping`, once set, ends open streams."""
    application = Application(settings, clock or SystemClock(), builds, stopping)
    try:
        await application.start()
        yield application
    finally:
        await application.stop()


async def serve(settings: Settings) -> None:
    """Run the server until SIGTERM or SIGINT. Raises StartError before anything is answered."""
    telemetry.configure_logging(settings.watch("log", LogSettings, telemetry.configure_logging))
    stopping = asyncio.Event()
    serving.stop_on_signals(stopping)
    listening = serving.bind(settings.server.host, settings.server.port)
    async with running(settings, stopping=stopping) as application:
        commands = application.operator_commands()
        operator = OperatorSocket(application.data.operator_socket, commands, application.operator_streams())
        await operator.open()
        # What is up by now stays: the collector need never walk it again, which took a tenth of a second each time.
        gc.freeze()
        gc.enable()
        no_more_reloads = serving.reload_on_hangup(lambda: _reload(commands), stopping)
        try:
            await _announce(serving.url_of(listening), commands)
            await serving.serve(application.http, listening, stopping)
        finally:
            no_more_reloads()
            await operator.close()


async def operate_offline(settings: Settings, command: str, arguments: dict[str, Any]) -> Any:
    """Carry out one operator command while no server runs. Raises StartError if one does, OperatorRefused if it is refused."""
    # Known, so that a file that sets it is not refused; a command's own output is enough for whoever gave it.
    settings.section("log", LogSettings)
    telemetry.configure_logging(LogSettings(level="warning"))
    async with running(settings) as application:
        answer = await carry_out(application.operator_commands(), Ask(command, arguments))
    if answer.error is not None:
        raise OperatorRefused(answer.error)
    return answer.result


def requests() -> frozenset[type[Request[Any]]]:
    """Every request of every contract."""
    found = (thing for contract in CONTRACTS for thing in vars(contract).values() if isinstance(thing, type))
    return frozenset(thing for thing in found if issubclass(thing, Request) and thing.topic)


async def _announce(url: str, commands: Mapping[str, OperatorCommand]) -> None:
    """Say where the server is, and how to set it up while nobody can sign in."""
    click.echo(f"ViveSphere {release.version()} is ready: {url}")
    link = (await carry_out(commands, Ask("auth.setup_link"))).result
    if link is not None:
        click.echo(f"Set it up with this link, which works once: {url}{link['path']}")


async def _reload(commands: Mapping[str, OperatorCommand]) -> None:
    answer = await carry_out(commands, Ask("settings.reload"))
    if answer.error is not None:
        log.error("settings_not_reloaded", reason=answer.error)


def _refuse_to_speak(principal: Principal) -> NoReturn:
    raise PermissionError(f"only the module data speaks SQL for people, and not even for {principal}")


def _refuse_to_issue(principal: Principal, lifetime: Lifetime) -> NoReturn:
    raise PermissionError(f"only the module plugins gives out handles, and not even for {principal}")
