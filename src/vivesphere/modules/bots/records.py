"""What rules return: the rows of this module as frozen structs."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from vivesphere.contracts.bots import MessageReceived
from vivesphere.kernel.cause import Cause
from vivesphere.modules.bots.router import Complaint, Invocation

Direction = Literal["in", "out"]
MessageStatus = Literal["received", "queued", "sent", "failed", "unknown"]
DesiredState = Literal["started", "stopped"]


class BotRecord(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    project: str
    name: str
    prefix: str
    created_at: datetime


class AccountRecord(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    bot_id: str
    project: str
    platform: str
    config: dict[str, Any]
    secret_id: str | None
    desired_state: DesiredState
    created_at: datetime


class AccountState(msgspec.Struct, frozen=True):
    """`stopped`, `connecting`, `connected`, `waiting` (to connect again) or `failed` (needs a person)."""

    state: str = "stopped"
    detail: str = ""


class MessageRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A line of history. `sender` of an outgoing message is the bot's name."""

    id: str
    project: str
    bot_id: str
    account_id: str
    platform: str
    channel: str
    direction: Direction
    sender: str
    sender_id: str
    text: str
    status: MessageStatus
    at: datetime


class OutboxRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A message on its way out, with the cause it is sent under."""

    id: str
    project: str
    bot_id: str
    account_id: str
    platform: str
    channel: str
    text: str
    cause: Cause


class Unanswered(msgspec.Struct, frozen=True, kw_only=True):
    """A message that asks for an answer, what it was understood to ask for, and under which cause it is answered."""

    message: MessageReceived
    asked: Invocation | Complaint
    prefix: str
    cause: Cause
    at: datetime


class MessageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which messages of a bot. `before` is the id of the oldest one seen."""

    bot_id: str
    limit: int
    account_id: str | None = None
    channel: str | None = None
    before: str | None = None
