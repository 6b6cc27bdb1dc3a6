"""Bots, their accounts, and the messages that come and go."""

from typing import Any

import msgspec

from vivesphere.kernel import principals
from vivesphere.kernel.bus.messages import Event, Request
from vivesphere.kernel.principals import Principal


class MessageReceived(Event, durable=True):
    """Somebody said something where a bot can hear it. `from_bot` is true when the platform says a bot sent it."""

    topic = "bots.message.received"
    permission = "bots.message.read"
    message_id: str
    bot_id: str
    account_id: str
    platform: str
    channel: str
    sender: str
    sender_id: str
    text: str
    private: bool = False
    from_bot: bool = False

    def addressee(self) -> Principal | None:
        return _only_reader(self.platform, self.channel)


class MessageSent(Event, durable=True):
    topic = "bots.message.sent"
    permission = "bots.message.read"
    message_id: str
    bot_id: str
    account_id: str
    platform: str
    channel: str
    text: str

    def addressee(self) -> Principal | None:
        return _only_reader(self.platform, self.channel)


class MessageFailed(Event, durable=True):
    """`status` is `failed` (it was not sent) or `unknown` (it may have been)."""

    topic = "bots.message.failed"
    permission = "bots.message.read"
    message_id: str
    bot_id: str
    account_id: str
    status: str
    detail: str


class AccountStateChanged(Event, durable=True):
    """`state` is `stopped`, `connecting`, `connected`, `waiting` (to connect again) or `failed` (needs a person)."""

    topic = "bots.account.state_changed"
    permission = "bots.account.read"
    bot_id: str
    account_id: str
    platform: str
    state: str
    detail: str = ""


class BotCreated(Event, durable=True):
    topic = "bots.bot.created"
    permission = "bots.bot.read"
    bot_id: str
    name: str


class BotRefused(msgspec.Struct, frozen=True, tag="refused"):
    detail: str


class BotMade(msgspec.Struct, frozen=True, tag="made"):
    bot_id: str


class CreateBot(Request[BotMade | BotRefused]):
    topic = "bots.create"
    permission = "bots.bot.write"
    name: str


class AccountMade(msgspec.Struct, frozen=True, tag="made"):
    account_id: str


class AddAccount(Request[AccountMade | BotRefused]):
    """Add a login on a platform and, if `start`, connect it. `bot_id` is the bot's id or its name."""

    topic = "bots.account.add"
    permission = "bots.account.write"
    bot_id: str
    platform: str
    config: dict[str, Any] = msgspec.field(default_factory=dict)
    start: bool = False


class MessageQueued(msgspec.Struct, frozen=True, tag="queued"):
    """The message is on disk and will be sent; asking again with the same key gives the same id."""

    message_id: str


class MessageRefused(msgspec.Struct, frozen=True, tag="refused"):
    detail: str


class SendMessage(Request[MessageQueued | MessageRefused]):
    """Queue a message. `bot_id` is the bot's id or its name.

    Without `account_id` the bot's only account is meant; `channel` is the platform's name for the place.
    """

    topic = "bots.message.send"
    permission = "bots.message.send"
    bot_id: str
    channel: str
    text: str
    account_id: str | None = None
    idempotency_key: str | None = None


def _only_reader(platform: str, channel: str) -> Principal | None:
    """A conversation in the web chat is one person's own, and its channel is their user id."""
    return principals.user(channel) if platform == "webchat" else None
