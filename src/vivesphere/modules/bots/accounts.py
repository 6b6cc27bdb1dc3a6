"""The accounts that run in this process: connected, or on their way to it."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import structlog

from vivesphere.contracts.bots import AccountStateChanged
from vivesphere.contracts.secrets import RevealSecret, SecretValue
from vivesphere.kernel.backoff import Backoff
from vivesphere.kernel.bus.errors import BusError
from vivesphere.kernel.bus.handle import BusHandle
from vivesphere.kernel.cause import Cause, acting_under
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.db.errors import DatabaseError
from vivesphere.kernel.db.handle import DatabaseHandle
from vivesphere.kernel.effect_errors import EffectError
from vivesphere.kernel.effects import EffectsHandle
from vivesphere.kernel.errors import InvalidInput
from vivesphere.kernel.lifetime import Lifetime
from vivesphere.kernel.principals import Principal, member
from vivesphere.modules.bots import rules
from vivesphere.modules.bots.connectors.connector import (
    ConnectionLost,
    Connector,
    Incoming,
    NeedsPerson,
    Platforms,
    Presence,
    Streams,
)
from vivesphere.modules.bots.outbox import OutboxSender
from vivesphere.modules.bots.records import AccountRecord, AccountState

LONGEST_WAIT = 300.0
"""Seconds between two attempts to connect, at most."""

STOP_SECONDS = 3.0
"""How long an account may take to say goodbye; the module's own deadline is longer."""

log = structlog.get_logger("vivesphere.bots")


@dataclass(frozen=True, slots=True)
class AccountContext:
    """What every running account uses, bound to the module."""

    principal: Principal
    bus: BusHandle
    db: DatabaseHandle
    effects: EffectsHandle
    clock: Clock
    random: Callable[[], float]
    is_ours: Callable[[str, Presence], bool]


class RunningAccount:
    """One account from its start to its stop. It is the connector's `Session`."""

    def __init__(self, account: AccountRecord, connector: Connector, context: AccountContext) -> None:
        self.account = account
        self.connector = connector
        self.state = AccountState("connecting")
        self.secret: str | None = None
        self.outbox = OutboxSender(account.id, connector, db=context.db, effects=context.effects, clock=context.clock)
        self._context = context
        self._connected_at: float | None = None

    @property
    def bot_id(self) -> str:
        return self.account.bot_id

    @property
    def clock(self) -> Clock:
        return self._context.clock

    async def run(self) -> None:
        """Connect, and connect again after each loss, until cancelled or until a person is needed."""
        backoff = Backoff(self._context.random, longest=LONGEST_WAIT)
        while True:
            await self._become("connecting")
            try:
                problem = await self._connect_once()
            except NeedsPerson as error:
                await self._become("failed", error.detail)
                return
            finally:
                self.outbox.shut()
            since = self._connected_at
            wait = backoff.after(0.0 if since is None else self.clock.monotonic() - since)
            self._connected_at = None
            await self._become("waiting", f"{problem}; the next attempt is in {wait:.0f} s")
            await self.clock.sleep(wait)

    async def connect(self, host: str, port: int, tls: ssl.SSLContext | None) -> Streams:
        return await self._context.effects.connect(self.account.platform, host, port, tls=tls)

    async def connected(self, detail: str = "") -> None:
        if self._connected_at is None:
            self._connected_at = self.clock.monotonic()
        self.outbox.open()
        await self._become("connected", detail)

    async def received(self, message: Incoming) -> None:
        presence = self.connector.presence
        if presence is not None and self._context.is_ours(message.sender, presence):
            message = msgspec.structs.replace(message, from_bot=True)
        actor = message.actor or member(self.account.id, message.sender_id)
        with acting_under(self._cause(actor)):
            await self._context.db.write(rules.record_received, self.account, message)

    async def stopped(self) -> None:
        await self._become("stopped")

    async def _connect_once(self) -> str:
        """Returns why the connection ended."""
        with acting_under(self._cause(self._context.principal)):
            try:
                self.secret = await self._reveal()
                await self.connector.run(self)
            except NeedsPerson:
                raise
            except (ConnectionLost, EffectError) as error:
                return error.detail
            except OSError as error:
                return f"the connection broke: {error.strerror or error}"
            except (BusError, DatabaseError) as error:
                return str(error)
            except Exception:  # the plugin boundary: a connector's own mistake must not end the account for good
                log.exception("connector_failed", account=self.account.id, platform=self.account.platform)
                return "the connector failed; the log says how"
            return "the connection ended"

    async def _reveal(self) -> str | None:
        if self.account.secret_id is None:
            return None
        reply = await self._context.bus.request(RevealSecret(secret_id=self.account.secret_id))
        if isinstance(reply, SecretValue):
            return reply.value
        raise NeedsPerson("the account's secret is gone: add the account again with its secret")

    async def _become(self, state: str, detail: str = "") -> None:
        if self.state == (wanted := AccountState(state, detail)) and state != "connecting":
            return
        self.state = wanted
        changed = AccountStateChanged(
            bot_id=self.bot_id, account_id=self.account.id, platform=self.account.platform, state=state, detail=detail
        )
        try:
            with acting_under(self._cause(self._context.principal)):
                await self._context.bus.publish(changed)
        except (BusError, DatabaseError):
            # The state itself stands; without its event an account must still connect and stop.
            log.exception("state_not_reported", account=self.account.id, state=state)

    def _cause(self, actor: Principal) -> Cause:
        return Cause(source=self._context.principal, actor=actor, project=self.account.project)


class Accounts:
    """Starts and stops accounts, and knows how each of them is."""

    def __init__(
        self,
        platforms: Platforms,
        *,
        principal: Principal,
        bus: BusHandle,
        db: DatabaseHandle,
        effects: EffectsHandle,
        clock: Clock,
        lifetime: Lifetime,
        random: Callable[[], float],
    ) -> None:
        self._platforms = platforms
        self._context = AccountContext(principal, bus, db, effects, clock, random, self._is_ours)
        self._lifetime = lifetime
        self._running: dict[str, tuple[RunningAccount, Lifetime]] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._unusable: dict[str, AccountState] = {}

    def state(self, account_id: str) -> AccountState:
        found = self._running.get(account_id)
        return self._unusable.get(account_id, AccountState()) if found is None else found[0].state

    def failures(self) -> tuple[str, ...]:
        """What each account that needs a person needs them for."""
        states = [running.state for running, _ in self._running.values()] + list(self._unusable.values())
        return tuple(state.detail for state in states if state.state == "failed")

    def connector(self, account_id: str) -> Connector | None:
        """The running account's connector."""
        found = self._running.get(account_id)
        return None if found is None else found[0].connector

    def nick(self, account_id: str) -> str | None:
        """By which name the account is seen on its platform now."""
        connector = self.connector(account_id)
        return None if connector is None or connector.presence is None else connector.presence.name

    def wake(self, account_id: str) -> None:
        """Something is in the account's outbox."""
        if (found := self._running.get(account_id)) is not None:
            found[0].outbox.wake()

    async def start(self, account: AccountRecord) -> None:
        """Begin to connect, and return. One that runs already stays as it is; one that failed begins anew."""
        async with self._lock(account.id):
            if self.state(account.id).state == "failed":
                await self._end(account.id)
            if account.id in self._running:
                return
            self._unusable.pop(account.id, None)
            try:
                connector = self._platforms.find(account.platform).connector(account.config)
            except (InvalidInput, msgspec.ValidationError) as error:
                # Stored by a server that had the platform, or another idea of its config: the others must start all the same.
                self._unusable[account.id] = AccountState("failed", f"this account cannot be used any more: {error}")
                return
            running = RunningAccount(account, connector, self._context)
            lifetime = self._lifetime.child(f"account {account.id}")
            self._running[account.id] = running, lifetime
            lifetime.spawn(running.run(), name="connection")
            lifetime.spawn(running.outbox.run(), name="outbox")

    async def stop(self, account_id: str) -> None:
        """Say goodbye and be disconnected when this returns."""
        async with self._lock(account_id):
            self._unusable.pop(account_id, None)
            await self._end(account_id)

    async def stop_all(self) -> None:
        await asyncio.gather(*(self.stop(account_id) for account_id in tuple(self._running)))

    async def _end(self, account_id: str) -> None:
        if (found := self._running.get(account_id)) is None:
            return
        running, lifetime = found
        await lifetime.close(STOP_SECONDS)
        del self._running[account_id]
        await running.stopped()

    def _lock(self, account_id: str) -> asyncio.Lock:
        return self._locks.setdefault(account_id, asyncio.Lock())

    def _is_ours(self, sender: str, seen_from: Presence) -> bool:
        """Whether the sender is one of our own accounts in the same network."""
        for running, _ in self._running.values():
            presence = running.connector.presence
            if presence is not None and presence.network == seen_from.network and presence.name.lower() == sender.lower():
                return True
        return False
