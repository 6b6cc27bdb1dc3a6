"""The bus edge: what other modules ask of bots, and the way from a message to its answer."""

import msgspec
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
from vivesphere.modules.bots.connectors import webchat
from vivesphere.modules.bots.lanes import Lanes
from vivesphere.modules.bots.loop_guard import LoopGuard, Patience
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


class Reply(msgspec.Struct, frozen=True):
    """What to say; empty says nothing. `understood` is false if it only says that the message was not."""

    text: str
    understood: bool = True


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
        self._patience = Patience()
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
        if isinstance(asked, router.Complaint):
            reply = Reply(asked.text, understood=False)
        else:
            reply = await self._run(asked, message, bot.prefix)
        if reply.text.strip() and self._may_say(reply, message):
            await self._service.send(_outgoing(message, reply.text))

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
        request = RunCommand(command=asked.command, arguments=asked.arguments, message=_chat_message(message))
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
