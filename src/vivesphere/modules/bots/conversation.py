"""From a message to its answer, which comes once, whatever ends the process meanwhile.

A message that asks for an answer is taken up in the commit that acknowledges its event, and let go in the commit that queues
the answer. What an earlier process left between the two is asked again under the same idempotency key: no act is repeated.
"""

from datetime import datetime, timedelta

import msgspec
import structlog

from vivesphere.contracts.bots import MessageReceived
from vivesphere.contracts.plugins import (
    ChatMessage,
    CommandFailed,
    CommandInfo,
    CommandReply,
    CommandUnknown,
    ListCommands,
    RunCommand,
)
from vivesphere.kernel.bus.durable import Delivery
from vivesphere.kernel.bus.errors import NoResponder, NotPermitted, RateLimited, RequestTimeout
from vivesphere.kernel.bus.handle import BusHandle
from vivesphere.kernel.cause import Mode, acting_under, cause_for
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.db.errors import DatabaseUnavailable
from vivesphere.kernel.errors import Refusal
from vivesphere.modules.bots import router
from vivesphere.modules.bots.accounts import Accounts
from vivesphere.modules.bots.connectors import webchat
from vivesphere.modules.bots.errors import BotUnknown
from vivesphere.modules.bots.lanes import Lanes
from vivesphere.modules.bots.loop_guard import LoopGuard, Patience
from vivesphere.modules.bots.records import Unanswered
from vivesphere.modules.bots.rules import Outgoing
from vivesphere.modules.bots.service import BotService
from vivesphere.modules.bots.settings import BotsSettings

DATABASE_PAUSE = 5.0
"""Seconds before an answer is written down again after the database could not take it."""

log = structlog.get_logger("vivesphere.bots")


class Reply(msgspec.Struct, frozen=True):
    """What to say; empty says nothing. `understood` is false if it only says that the message was not."""

    text: str
    understood: bool = True


class Conversation:
    """Hears every message, and answers those that are commands, under the authority of whoever sent them.

    The log is heard in its order, and quickly: each channel's commands then wait for one another in a lane of their own.
    """

    def __init__(
        self,
        service: BotService,
        accounts: Accounts,
        bus: BusHandle,
        *,
        clock: Clock,
        lanes: Lanes,
        guard: LoopGuard,
        settings: BotsSettings,
    ) -> None:
        self._service = service
        self._accounts = accounts
        self._bus = bus
        self._clock = clock
        self._lanes = lanes
        self._guard = guard
        self._patience = Patience()
        self._settings = settings

    async def resume(self) -> None:
        """Go on with what an earlier process had taken up. Before anything is heard, so that the order holds."""
        for unanswered in await self._service.unanswered():
            await self._queue(unanswered)

    async def hear(self, delivery: Delivery[MessageReceived]) -> None:
        """Take up what asks for an answer."""
        message, at = delivery.event, delivery.envelope.time
        if message.from_bot or self._too_late(message, at):
            return
        unanswered = await self._understood(message, at)
        if unanswered is None:
            return
        if unanswered.cause.mode is not Mode.LIVE:
            # A replay is to show what would be said; nobody waits for it.
            await self._pretend(unanswered)
            return
        await self._service.take_up(delivery, unanswered)
        await self._queue(unanswered)

    async def _understood(self, message: MessageReceived, at: datetime) -> Unanswered | None:
        try:
            bot = (await self._service.find_bot(message.bot_id)).bots[0]
        except BotUnknown:
            log.info("message_unanswered", reason="the bot is gone", account=message.account_id)
            return None
        nick = self._accounts.nick(message.account_id)
        names = (bot.name,) if nick is None else (bot.name, nick)
        asked = router.understand(message.text, prefix=bot.prefix, names=names, private=message.private)
        if asked is None:
            return None
        return Unanswered(message=message, asked=asked, prefix=bot.prefix, cause=cause_for(self._bus.principal), at=at)

    async def _queue(self, unanswered: Unanswered) -> None:
        message = unanswered.message

        async def work() -> None:
            with acting_under(unanswered.cause):
                await self._answer(unanswered)

        if not self._lanes.put(message.account_id, message.channel, work):
            log.warning("message_unanswered", reason="the channel has too many waiting", account=message.account_id)
            await self._service.answer(message.message_id, None)

    async def _answer(self, unanswered: Unanswered) -> None:
        message = unanswered.message
        outgoing = None if self._too_late(message, unanswered.at) else await self._outgoing(unanswered)
        while True:
            try:
                await self._service.answer(message.message_id, outgoing)
            except DatabaseUnavailable:
                log.warning("answer_waits_for_database", account=message.account_id, exc_info=True)
                await self._clock.sleep(DATABASE_PAUSE)
            except Refusal as refusal:
                log.warning("message_unanswered", reason=refusal.detail, account=message.account_id)
                outgoing = None
            else:
                return

    async def _pretend(self, unanswered: Unanswered) -> None:
        outgoing = await self._outgoing(unanswered)
        if outgoing is not None:
            await self._service.send(outgoing)

    async def _outgoing(self, unanswered: Unanswered) -> Outgoing | None:
        message, asked = unanswered.message, unanswered.asked
        if isinstance(asked, router.Complaint):
            reply = Reply(asked.text, understood=False)
        else:
            reply = await self._run(asked, message, unanswered.prefix)
        return _outgoing(message, reply.text) if reply.text.strip() and self._may_say(reply, message) else None

    def _too_late(self, message: MessageReceived, at: datetime) -> bool:
        """After a long outage nobody waits for the answer any more."""
        if self._clock.now() - at <= timedelta(seconds=self._settings.answer_within):
            return False
        log.warning("message_unanswered", reason="it was said too long ago", account=message.account_id, at=at.isoformat())
        return True

    def _may_say(self, reply: Reply, message: MessageReceived) -> bool:
        place = (message.account_id, message.channel)
        # In the web chat sits a signed-in person, who may mistype as often as they like.
        if message.platform != webchat.NAME and not self._patience.holds(place, understood=reply.understood):
            return False
        if not self._guard.allows(place):
            log.warning("reply_left_out", reason="too many replies in one channel", account=message.account_id)
            return False
        return True

    async def _run(self, asked: router.Invocation, message: MessageReceived, prefix: str) -> Reply:
        try:
            if asked.command == router.HELP:
                return Reply(await self._help(asked, prefix))
            return await self._command(asked, message, prefix)
        except RequestTimeout:
            return Reply(f"{prefix}{asked.command} took longer than {self._settings.command_seconds:g} s; I stopped waiting.")
        except NotPermitted:
            return Reply(f"You are not allowed to use {prefix}{asked.command} here.")
        except RateLimited as limited:
            return Reply(f"That is too fast for me; try again in {limited.retry_after:.0f} s.")
        except NoResponder:
            return Reply("I cannot run commands now: the plugins are not running.")
        except Refusal as refusal:
            return Reply(refusal.detail)
        except Exception:  # the plugin boundary: whoever asked learns that it failed, the log learns why
            log.exception("command_failed", command=asked.command, account=message.account_id)
            return Reply(f"{prefix}{asked.command} failed. The server's log says why.")

    async def _help(self, asked: router.Invocation, prefix: str) -> str:
        commands: tuple[CommandInfo, ...] = (await self._bus.request(ListCommands())).commands
        if asked.arguments:
            return router.help_on(asked.arguments[0], commands, prefix)
        return router.help_text(commands, prefix)

    async def _command(self, asked: router.Invocation, message: MessageReceived, prefix: str) -> Reply:
        request = RunCommand(
            command=asked.command,
            arguments=asked.arguments,
            message=_chat_message(message),
            idempotency_key=f"command:{message.message_id}",
        )
        reply = await self._bus.request(request, timeout=self._settings.command_seconds)
        match reply:
            case CommandReply(text):
                return Reply(text)
            case CommandUnknown(suggestions):
                return Reply(router.unknown_text(asked.command, suggestions, prefix), understood=False)
            case CommandFailed(detail):
                return Reply(detail)


def _chat_message(message: MessageReceived) -> ChatMessage:
    return ChatMessage(
        message_id=message.message_id,
        bot_id=message.bot_id,
        account_id=message.account_id,
        platform=message.platform,
        channel=message.channel,
        sender=message.sender,
        sender_id=message.sender_id,
        text=message.text,
        private=message.private,
    )


def _outgoing(message: MessageReceived, text: str) -> Outgoing:
    """The key makes sure that a message heard twice is answered once."""
    return Outgoing(
        bot_id=message.bot_id,
        channel=message.channel,
        text=text,
        account_id=message.account_id,
        idempotency_key=f"reply:{message.message_id}",
    )
