"""Sends one account's queued messages, in order, while the account is connected."""

import asyncio

import structlog

from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.cause import acting_under
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.db.errors import DatabaseError
from vivesphere.kernel.db.handle import DatabaseHandle
from vivesphere.kernel.effect_errors import EffectFailed, EffectRefused, EffectUnknown, NothingHappened
from vivesphere.kernel.effects import EffectsHandle
from vivesphere.modules.bots import rules
from vivesphere.modules.bots.connectors.connector import Connector, NotConnected, SendRefused
from vivesphere.modules.bots.records import AccountRecord, MessageStatus, OutboxRecord

EFFECT = "chat.send"
DATABASE_PAUSE = 5.0
"""Seconds before the next look at a database that could not be used."""

log = structlog.get_logger("vivesphere.bots")


class OutboxSender:
    """One for each running account. The queue is the table, so nothing is lost when the process ends."""

    def __init__(
        self, account_id: str, connector: Connector, *, db: DatabaseHandle, effects: EffectsHandle, clock: Clock
    ) -> None:
        self._account_id = account_id
        self._connector = connector
        self._db = db
        self._effects = effects
        self._clock = clock
        self._connected = asyncio.Event()
        self._more = asyncio.Event()

    def wake(self) -> None:
        """Something was queued."""
        self._more.set()

    def open(self) -> None:
        self._connected.set()

    def shut(self) -> None:
        """The connection is gone: what is queued waits."""
        self._connected.clear()

    async def run(self) -> None:
        """Until cancelled. A message whose sending is cancelled is of unknown outcome, and the effects journal knows it."""
        while True:
            await self._connected.wait()
            self._more.clear()  # before the look: what is queued after it sets it again
            try:
                message = await self._db.read(rules.next_queued, self._account_id)
                if message is not None:
                    await self._connector.ready()
                    await self._deliver(message)
            except NotConnected:
                self.shut()
            except DatabaseError:
                log.exception("outbox_waits_for_database", account=self._account_id)
                await self._clock.sleep(DATABASE_PAUSE)
            else:
                if message is None:
                    await self._more.wait()

    async def _deliver(self, message: OutboxRecord) -> None:
        with acting_under(message.cause):
            status, detail = await self._send(message)
            if status != "queued":
                await self._db.write(rules.finish, message, status, detail)

    async def _send(self, message: OutboxRecord) -> tuple[MessageStatus, str]:
        waits = False

        async def act() -> JSON:
            nonlocal waits
            try:
                await self._connector.send(message.channel, message.text)
            except (NotConnected, SendRefused) as error:
                waits = isinstance(error, NotConnected)
                raise NothingHappened(error.detail) from error
            return None

        payload = _payload(message.account_id, message.text)
        target = f"{message.platform}:{message.channel}"
        try:
            await self._effects.perform(EFFECT, target, payload, act, idempotency_key=f"outbox:{message.id}")
        except EffectUnknown as error:
            return "unknown", error.detail
        except (EffectFailed, EffectRefused) as error:
            if waits:
                # The connector's `run` is about to end too; until it is back nothing can go out.
                self.shut()
                return "queued", error.detail
            return "failed", error.detail
        return "sent", ""


async def pretend(effects: EffectsHandle, account: AccountRecord, outgoing: rules.Outgoing) -> None:
    """Note in the effects journal what would have been sent. Only in a shadow, where the gate never acts."""

    async def act() -> JSON:
        raise AssertionError("the effects gate acted in a shadow")

    await effects.perform(EFFECT, f"{account.platform}:{outgoing.channel}", _payload(account.id, outgoing.text), act)


def _payload(account_id: str, text: str) -> JSON:
    return {"account_id": account_id, "text": text}
