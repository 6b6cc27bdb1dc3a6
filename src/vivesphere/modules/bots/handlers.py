"""The bus edge: what other modules ask of bots."""

from vivesphere.contracts.bots import (
    AccountMade,
    AddAccount,
    BotMade,
    BotRefused,
    CreateBot,
    MessageQueued,
    MessageRefused,
    SendMessage,
)
from vivesphere.kernel.errors import Refusal
from vivesphere.modules.bots.rules import Outgoing
from vivesphere.modules.bots.service import BotService


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
