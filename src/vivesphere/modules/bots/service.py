"""The use cases of bots."""

from typing import Any

import msgspec

from vivesphere.contracts.bots import MessageReceived
from vivesphere.contracts.secrets import StoreSecret
from vivesphere.kernel.bus.durable import Delivery
from vivesphere.kernel.bus.handle import BusHandle
from vivesphere.kernel.cause import Mode, cause_for
from vivesphere.kernel.db.handle import DatabaseHandle
from vivesphere.kernel.db.kept_replies import IdempotencyKey
from vivesphere.kernel.effects import EffectsHandle
from vivesphere.kernel.errors import InvalidInput
from vivesphere.kernel.ids import new_id
from vivesphere.modules.bots import rules
from vivesphere.modules.bots.accounts import Accounts
from vivesphere.modules.bots.connectors.connector import Platform, Platforms
from vivesphere.modules.bots.errors import MessageInvalid
from vivesphere.modules.bots.outbox import pretend
from vivesphere.modules.bots.records import AccountRecord, BotRecord, MessageQuery, MessageRecord, Unanswered
from vivesphere.modules.bots.rules import Fleet, Login, Outgoing, Queued
from vivesphere.modules.bots.schemas import BotName, Prefix

MAX_CHANNEL = 200
HISTORY = 50
"""Messages a browser sees when it opens the chat."""


class BotService:
    """What people and other modules can do with bots. Everything happens in the project of the current cause."""

    def __init__(
        self,
        *,
        db: DatabaseHandle,
        bus: BusHandle,
        effects: EffectsHandle,
        accounts: Accounts,
        platforms: Platforms,
    ) -> None:
        self._db = db
        self._bus = bus
        self._effects = effects
        self._accounts = accounts
        self._platforms = platforms
        self.state_of = accounts.state

    def platforms(self) -> tuple[Platform[Any], ...]:
        return self._platforms.all()

    async def list_bots(self, after: str | None, limit: int) -> Fleet:
        """At most `limit` bots, oldest first, after the one with that id."""
        return await self._db.read(rules.list_bots, after or "", limit)

    async def find_bot(self, bot_id: str) -> Fleet:
        """Raises BotUnknown."""
        return await self._db.read(rules.find_bot, bot_id)

    async def create_bot(self, name: str, prefix: str = "!", *, once: IdempotencyKey[BotRecord] | None = None) -> BotRecord:
        """Raises InvalidInput for a name or prefix that cannot be one, and BotExists. The same bot for whoever asks again."""
        _check(name, BotName, "A bot's name has 1 to 40 characters, no line breaks, and no space at its ends.")
        _check(prefix, Prefix, "A prefix has 1 to 5 characters that are not letters, digits or spaces.")
        return await self._db.write_once(once, rules.create_bot, new_id(), name, prefix)

    async def add_account(
        self,
        bot_id: str,
        platform: str,
        config: dict[str, Any],
        *,
        secret: str | None = None,
        start: bool = False,
        once: IdempotencyKey[AccountRecord] | None = None,
    ) -> AccountRecord:
        """`bot_id` may be the bot's name. Raises BotUnknown, or InvalidInput for a platform or config that is none."""
        if (known := await self._db.answered(once)) is not None:
            return known
        decoded = self._platforms.find(platform).decode(config, has_secret=secret is not None)
        bot = await self._db.read(rules.bot_called, bot_id)
        account_id, secret_id = new_id(), None
        if secret is not None:
            stored = await self._bus.request(StoreSecret(name=f"bots.account.{account_id}", value=secret))
            secret_id = stored.secret_id
        account = Login(
            id=account_id, bot_id=bot.id, platform=platform, config=msgspec.to_builtins(decoded), secret_id=secret_id
        )
        made = await self._db.write_once(once, rules.add_account, account, "started" if start else "stopped")
        if start:
            await self._accounts.start(made)
        return made

    async def start(self, bot_id: str, account_id: str | None = None) -> list[AccountRecord]:
        """Start one account, or all of the bot's; they connect on their own time. Raises BotUnknown or AccountUnknown."""
        accounts = await self._db.write(rules.desire, bot_id, account_id, "started")
        for account in accounts:
            await self._accounts.start(account)
        return accounts

    async def stop(self, bot_id: str, account_id: str | None = None) -> list[AccountRecord]:
        """Stop one account, or all of the bot's; they are disconnected when this returns. Raises BotUnknown, AccountUnknown."""
        accounts = await self._db.write(rules.desire, bot_id, account_id, "stopped")
        for account in accounts:
            await self._accounts.stop(account.id)
        return accounts

    async def start_desired(self) -> None:
        """Connect what was started when the server last stopped, in every project."""
        for account in await self._db.read(rules.started_accounts):
            await self._accounts.start(account)

    async def list_messages(self, query: MessageQuery) -> list[MessageRecord]:
        """Raises BotUnknown."""
        return await self._db.read(rules.list_messages, query)

    async def conversation(self, account_id: str, channel: str) -> list[MessageRecord]:
        """The last messages of a channel, oldest first."""
        return await self._db.read(rules.recent, account_id, channel, HISTORY)

    async def send(self, outgoing: Outgoing) -> Queued:
        """Queue a message. Raises BotUnknown, AccountUnknown or MessageInvalid.

        In a shadow (a dry run) nothing is queued: the effects gate notes what would have been sent.
        """
        _check_outgoing(outgoing)
        if cause_for(self._bus.principal).mode is not Mode.LIVE:
            return await self._pretend(outgoing)
        queued = await self._db.write(rules.enqueue, outgoing)
        self._accounts.wake(queued.account_id)
        return queued

    async def take_up(self, delivery: Delivery[MessageReceived], unanswered: Unanswered) -> None:
        """Keep a message until it is answered, in the commit that says that its event was handled."""
        await self._db.acknowledge(delivery.acknowledgement, rules.take_up, unanswered)

    async def unanswered(self) -> list[Unanswered]:
        """What an earlier process has taken up and not answered, oldest first."""
        return await self._db.read(rules.unanswered)

    async def answer(self, message_id: str, outgoing: Outgoing | None) -> None:
        """Queue the answer to a message that was taken up, or give it none: in one commit, so that it gets no second one.

        Raises BotUnknown, AccountUnknown or MessageInvalid; the message is still unanswered then.
        """
        if outgoing is not None:
            _check_outgoing(outgoing)
        queued = await self._db.write(rules.answer, message_id, outgoing)
        if queued is not None:
            self._accounts.wake(queued.account_id)

    async def _pretend(self, outgoing: Outgoing) -> Queued:
        account = await self._db.read(rules.sender_of, outgoing)
        await pretend(self._effects, account, outgoing)
        return Queued(new_id(), account.id)


def _check(value: str, kind: Any, rule: str) -> None:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        raise InvalidInput(rule) from None


def _check_outgoing(outgoing: Outgoing) -> None:
    if not outgoing.text.strip():
        raise MessageInvalid("The message has no text.")
    channel = outgoing.channel
    if not 0 < len(channel) <= MAX_CHANNEL or not channel.isprintable():
        raise MessageInvalid(f"A channel's name has 1 to {MAX_CHANNEL} characters and no line breaks.")
    if len(outgoing.idempotency_key or "") > MAX_CHANNEL:
        raise MessageInvalid(f"An idempotency key has at most {MAX_CHANNEL} characters.")
