"""What the HTTP edge takes and gives."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from vivesphere.modules.bots.connectors.connector import Platform
from vivesphere.modules.bots.records import AccountRecord, AccountState, BotRecord, Direction, MessageRecord, MessageStatus

BotName = Annotated[
    str, Meta(pattern=r"^[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]{0,38}[^\s\x00-\x1f\x7f])?$(?!\n)", examples=["Vivi"])
]
Prefix = Annotated[str, Meta(pattern=r"^[^\s\x00-\x1f\x7fA-Za-z0-9]{1,5}$(?!\n)", examples=["!"])]
StateOf = Callable[[str], AccountState]


class NewBot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`prefix` is what commands begin with."""

    name: BotName
    prefix: Prefix = "!"


class NewAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`config` has the fields of the platform's `config_schema`; `secret` is kept encrypted and never shown again."""

    platform: Annotated[str, Meta(min_length=1, max_length=40, examples=["irc"])]
    config: dict[str, Any] = msgspec.field(default_factory=dict)
    secret: Annotated[str, Meta(min_length=1, max_length=4096)] | None = None


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """`state` is `stopped`, `connecting`, `connected`, `waiting` (to connect again) or `failed` (needs a person)."""

    id: str
    bot_id: str
    platform: str
    config: dict[str, Any]
    has_secret: bool
    state: str
    detail: str
    created_at: datetime


class Bot(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    project: str
    name: str
    prefix: str
    accounts: list[Account]
    created_at: datetime


class Message(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    bot_id: str
    account_id: str
    platform: str
    channel: str
    direction: Direction
    sender: str
    text: str
    status: MessageStatus
    at: datetime


class PlatformInfo(msgspec.Struct, frozen=True, kw_only=True):
    """`secret_label` names the secret an account may have; null if it has none."""

    name: str
    title: str
    config_schema: dict[str, Any]
    secret_label: str | None


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="message"):
    """What a browser sends in the chat."""

    text: Annotated[str, Meta(min_length=1, max_length=4000)]


class Shown(msgspec.Struct, frozen=True, kw_only=True, tag="message"):
    """What a browser gets in the chat."""

    id: str
    direction: Direction
    sender: str
    text: str
    at: datetime


class ChatError(msgspec.Struct, frozen=True, tag="error"):
    detail: str


def show_bot(bot: BotRecord, accounts: Sequence[AccountRecord], state_of: StateOf) -> Bot:
    own = [show_account(account, state_of) for account in accounts if account.bot_id == bot.id]
    return Bot(id=bot.id, project=bot.project, name=bot.name, prefix=bot.prefix, accounts=own, created_at=bot.created_at)


def show_account(account: AccountRecord, state_of: StateOf) -> Account:
    now = state_of(account.id)
    return Account(
        id=account.id,
        bot_id=account.bot_id,
        platform=account.platform,
        config=account.config,
        has_secret=account.secret_id is not None,
        state=now.state,
        detail=now.detail,
        created_at=account.created_at,
    )


def show_message(message: MessageRecord) -> Message:
    return Message(**{field: getattr(message, field) for field in Message.__struct_fields__})


def show_platform(platform: Platform[Any]) -> PlatformInfo:
    return PlatformInfo(
        name=platform.name,
        title=platform.title,
        config_schema=platform.schema(),
        secret_label=platform.secret_label,
    )
