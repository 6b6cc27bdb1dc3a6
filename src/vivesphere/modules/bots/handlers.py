"""The bus edge: what other modules ask of bots, and the way from a message to its answer."""

import structlog

from vivesphere.contracts.bots import (
    AccountMade,
    AddAccount,
    BotMade,
    BotRefused,
    CreateBot,
    MessageQueued,
    MessageReceived,
    MessageRefused,
    SendMessage,
)
from vivesphere.contracts.plugins import (
    ChatMessage,
    CommandFailed,
    CommandInfo,
    CommandReply,
    CommandUnknown,
    ListCommands,
    RunCommand,
)
from vivesphere.kernel.bus.errors import NoResponder, NotPermitted, RateLimited, RequestTimeout
from vivesphere.kernel.bus.handle import BusHandle
from vivesphere.kernel.bus.messages import Envelope
from vivesphere.kernel.cause import acting_under, cause_for
from vivesphere.kernel.errors import Refusal
from vivesphere.modules.bots import router
from vivesphere.modules.bots.accounts import Accounts
from vivesphere.modules.bots.lanes import Lanes
from vivesphere.modules.bots.loop_guard import LoopGuard
from vivesphere.modules.bots.rules import Outgoing
from vivesphere.modules.bots.service import BotService
from vivesphere.modules.bots.settings import BotsSettings

log = structlog.get_logger("vivesphere.bots")


class BotHandlers:
    """Answers requests by one call of the service each; a refusal becomes the reply that says why."""

    def __init__(self, service: BotService) -> None:
        self._service = service

    async def create_bot(self, request: CreateBot) -> BotMade | BotRefused:
        try:
            made = await self._service.create_bot(request.name)
        except Refusal as refusal:
            return BotRefused(refusal.detail)
        return BotMade(made.id)

    async def add_account(self, request: AddAccount) -> AccountMade | BotRefused:
        try:
            made = await self._service.add_account(request.bot_id, request.platform, request.config, start=request.start)
        except Refusal as refusal:
            return BotRefused(refusal.detail)
        return AccountMade(made.id)

    async def send_message(self, request: SendMessage) -> MessageQueued | MessageRefused:
        outgoing = Outgoing(
            bot_id=request.bot_id,
            channel=request.channel,
            text=request.text,
            account_id=request.account_id,
            idempotency_key=request.idempotency_key,
        )
        try:
            queued = await self._service.send(outgoing)
        except Refusal as refusal:
            return MessageRefused(refusal.detail)
        return MessageQueued(queued.message_id)


class Conversation:
    """Hears every message, and answers those that are commands, under the authority of whoever sent them."""

    def __init__(
        self,
        service: BotService,
        accounts: Accounts,
        bus: BusHandle,
        *,
        lanes: Lanes,
        guard: LoopGuard,
        settings: BotsSettings,
    ) -> None:
        self._service = service
        self._accounts = accounts
        self._bus = bus
        self._lanes = lanes
        self._guard = guard
        self._settings = settings

    async def hear(self, envelope: Envelope[MessageReceived]) -> None:
        """Take the message to its channel's lane; the bus can bring the next one at once."""
        message = envelope.payload
        if message.from_bot:
            return
        cause = cause_for(self._bus.principal)

        async def work() -> None:
            with acting_under(cause):
                await self._answer(message)

        if not self._lanes.put(message.account_id, message.channel, work):
            log.warning("message_unanswered", reason="the channel has too many waiting", account=message.account_id)

    async def _answer(self, message: MessageReceived) -> None:
        bot = (await self._service.find_bot(message.bot_id)).bots[0]
        nick = self._accounts.nick(message.account_id)
        names = (bot.name,) if nick is None else (bot.name, nick)
        asked = router.understand(message.text, prefix=bot.prefix, names=names, private=message.private)
        if asked is None:
            return
        text = asked.text if isinstance(asked, router.Complaint) else await self._run(asked, message, bot.prefix)
        if not text.strip():
            return
        if not self._guard.allows((message.account_id, message.channel)):
            log.warning("reply_left_out", reason="too many replies in one channel", account=message.account_id)
            return
        await self._service.send(_reply(message, text))

    async def _run(self, asked: router.Invocation, message: MessageReceived, prefix: str) -> str:
        try:
            if asked.command == router.HELP:
                return await self._help(asked, prefix)
            return await self._command(asked, message, prefix)
        except RequestTimeout:
            return f"{prefix}{asked.command} took longer than {self._settings.command_seconds:g} s; I stopped waiting."
        except NotPermitted:
            return f"You are not allowed to use {prefix}{asked.command} here."
        except RateLimited as limited:
            return f"That is too fast for me; try again in {limited.retry_after:.0f} s."
        except NoResponder:
            return "I cannot run commands now: the plugins are not running."
        except Refusal as refusal:
            return refusal.detail
        except Exception:  # the plugin boundary: whoever asked learns that it failed, the log learns why
            log.exception("command_failed", command=asked.command, account=message.account_id)
            return f"{prefix}{asked.command} failed. The server's log says why."

    async def _help(self, asked: router.Invocation, prefix: str) -> str:
        commands: tuple[CommandInfo, ...] = (await self._bus.request(ListCommands())).commands
        if asked.arguments:
            return router.help_on(asked.arguments[0], commands, prefix)
        return router.help_text(commands, prefix)

    async def _command(self, asked: router.Invocation, message: MessageReceived, prefix: str) -> str:
        request = RunCommand(command=asked.command, arguments=asked.arguments, message=_chat_message(message))
        reply = await self._bus.request(request, timeout=self._settings.command_seconds)
        match reply:
            case CommandReply(text):
                return text
            case CommandUnknown(suggestions):
                return router.unknown_text(asked.command, suggestions, prefix)
            case CommandFailed(detail):
                return detail


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


def _reply(message: MessageReceived, text: str) -> Outgoing:
    """The key makes sure that a message heard twice is answered once."""
    return Outgoing(
        bot_id=message.bot_id,
        channel=message.channel,
        text=text,
        account_id=message.account_id,
        idempotency_key=f"reply:{message.message_id}",
    )
