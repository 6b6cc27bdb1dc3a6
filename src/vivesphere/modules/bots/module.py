"""The wiring of bots."""

import random

from vivesphere.contracts.bots import (
    AccountStateChanged,
    AddAccount,
    BotCreated,
    CreateBot,
    MessageFailed,
    MessageReceived,
    MessageSent,
    SendMessage,
)
from vivesphere.kernel.module import DurableListener, Listener, Module, ModuleContext
from vivesphere.kernel.services import Health
from vivesphere.modules.bots.accounts import Accounts
from vivesphere.modules.bots.chat import Chat
from vivesphere.modules.bots.connectors import irc, webchat
from vivesphere.modules.bots.connectors.connector import Platforms
from vivesphere.modules.bots.controllers import BotController, PlatformController
from vivesphere.modules.bots.conversation import Conversation
from vivesphere.modules.bots.handlers import BotHandlers
from vivesphere.modules.bots.lanes import Lanes
from vivesphere.modules.bots.loop_guard import LoopGuard
from vivesphere.modules.bots.service import BotService
from vivesphere.modules.bots.settings import BotsSettings


def build(context: ModuleContext) -> Module:
    settings = context.settings.section("bots", BotsSettings)
    platforms = Platforms(webchat.PLATFORM, irc.PLATFORM)
    accounts = Accounts(
        platforms,
        principal=context.principal,
        bus=context.bus,
        db=context.db,
        effects=context.effects,
        clock=context.clock,
        lifetime=context.lifetime,
        random=random.random,
    )
    service = BotService(db=context.db, bus=context.bus, effects=context.effects, accounts=accounts, platforms=platforms)
    handlers = BotHandlers(service)
    chat = Chat(service, accounts, context.clock)
    conversation = _conversation(context, settings, service, accounts)

    async def start() -> None:
        await service.start_desired()
        await conversation.resume()

    async def stop() -> None:
        chat.close()
        await accounts.stop_all()

    return Module(
        name=context.name,
        responders={CreateBot: handlers.create_bot, AddAccount: handlers.add_account, SendMessage: handlers.send_message},
        listeners=(
            Listener(MessageReceived, chat.hear_received),
            Listener(MessageSent, chat.hear_sent),
        ),
        durable_listeners=(DurableListener((MessageReceived,), conversation.hear, "commands"),),
        publishes=(AccountStateChanged, BotCreated, MessageFailed, MessageReceived, MessageSent),
        routes=(BotController, PlatformController),
        provides={"bots": service, "chat": chat},
        start=start,
        stop=stop,
        health=lambda: _health(accounts),
    )


def _conversation(context: ModuleContext, settings: BotsSettings, service: BotService, accounts: Accounts) -> Conversation:
    return Conversation(
        service,
        accounts,
        context.bus,
        clock=context.clock,
        lanes=Lanes(context.lifetime, at_once=settings.commands_at_once, waiting=settings.waiting_per_channel),
        guard=LoopGuard(context.clock.monotonic, most=settings.replies_per_channel, window=settings.reply_window),
        settings=settings,
    )


def _health(accounts: Accounts) -> Health:
    failures = accounts.failures()
    return Health("degraded", f"{len(failures)} accounts need a person: {'; '.join(failures)}") if failures else Health()
