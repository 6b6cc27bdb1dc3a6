"""Every query of this module."""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from vivesphere.kernel.cause import Cause
from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.db.hot import HotStatement
from vivesphere.kernel.db.schema import table_of
from vivesphere.modules.bots.connectors import webchat
from vivesphere.modules.bots.errors import BotExists
from vivesphere.modules.bots.models import AccountRow, BotRow, ChatMessageRow, OutboxRow, UnansweredRow
from vivesphere.modules.bots.records import AccountRecord, BotRecord, MessageQuery, MessageRecord, OutboxRecord, Unanswered

_bots = table_of(BotRow)
_accounts = table_of(AccountRow)
_messages = table_of(ChatMessageRow)
_outbox = table_of(OutboxRow)
_unanswered = table_of(UnansweredRow)

_BOT = HotStatement(sa.select(_bots).where(_bots.c.id == sa.bindparam("bot_id"), _bots.c.project == sa.bindparam("project")))
_BOT_BY_NAME = sa.select(_bots).where(_bots.c.name == sa.bindparam("name"), _bots.c.project == sa.bindparam("project"))
_BOTS = (
    sa.select(_bots)
    .where(_bots.c.project == sa.bindparam("project"), _bots.c.id > sa.bindparam("after"))
    .order_by(_bots.c.id)
    .limit(sa.bindparam("limit"))
)
_ACCOUNTS = sa.select(_accounts).where(_accounts.c.bot_id.in_(sa.bindparam("bot_ids", expanding=True))).order_by(_accounts.c.id)
_ACCOUNTS_OF_ONE = HotStatement(
    sa.select(_accounts).where(_accounts.c.bot_id == sa.bindparam("bot_id")).order_by(_accounts.c.id)
)
_STARTED = sa.select(_accounts).where(_accounts.c.desired_state == "started").order_by(_accounts.c.id)
_DESIRE = sa.update(_accounts).where(_accounts.c.id == sa.bindparam("account_id"))
_RECENT = (
    sa.select(_messages)
    .where(
        _messages.c.account_id == sa.bindparam("account_id"),
        _messages.c.channel == sa.bindparam("channel"),
        _messages.c.status.in_(("received", "sent")),
    )
    .order_by(_messages.c.id.desc())
    .limit(sa.bindparam("limit"))
)
_QUEUED_BY_KEY = sa.select(_outbox.c.id).where(
    _outbox.c.bot_id == sa.bindparam("bot_id"), _outbox.c.idempotency_key == sa.bindparam("key")
)
_OUTBOX_COLUMNS = [_outbox.c[field] for field in OutboxRecord.__struct_fields__]
_INSERT_MESSAGE = HotStatement(sa.insert(_messages))
_QUEUE = HotStatement(sa.insert(_outbox))
_NEXT_QUEUED = HotStatement(
    sa.select(*_OUTBOX_COLUMNS)
    .where(_outbox.c.account_id == sa.bindparam("account_id"), _outbox.c.status == "queued")
    .order_by(_outbox.c.id)
    .limit(1)
)
_FINISH = HotStatement(
    sa.update(_outbox).where(_outbox.c.id == sa.bindparam("outbox_id"), _outbox.c.status == "queued"),
    ("status", "detail", "finished_at"),
)
_FINISH_HISTORY = HotStatement(sa.update(_messages).where(_messages.c.id == sa.bindparam("outbox_id")), ("status",))
_UNANSWERED = sa.select(*(_unanswered.c[field] for field in Unanswered.__struct_fields__)).order_by(_unanswered.c.id)
_ANSWERED = sa.delete(_unanswered).where(_unanswered.c.id == sa.bindparam("message_id"))


def insert_bot(tx: Unit, bot: BotRecord) -> None:
    """Raises BotExists if the project has a bot of that name."""
    try:
        tx.execute(sa.insert(_bots), msgspec.structs.asdict(bot))
    except sa.exc.IntegrityError:
        raise BotExists(bot.name) from None


def bot(tx: Unit, project: str, bot_id: str) -> BotRecord | None:
    found = tx.rows(_BOT, {"bot_id": bot_id, "project": project})
    return BotRecord(**found[0]) if found else None


def bot_by_name(tx: Unit, project: str, name: str) -> BotRecord | None:
    row = tx.execute(_BOT_BY_NAME, {"name": name, "project": project}).one_or_none()
    return None if row is None else BotRecord(**row._mapping)


def bots(tx: Unit, project: str, after: str, limit: int) -> list[BotRecord]:
    """In the order of their making."""
    return [BotRecord(**row._mapping) for row in tx.execute(_BOTS, {"project": project, "after": after, "limit": limit})]


def insert_account(tx: Unit, account: AccountRecord) -> None:
    tx.execute(sa.insert(_accounts), msgspec.structs.asdict(account))


def accounts_of(tx: Unit, bot_id: str) -> list[AccountRecord]:
    return [AccountRecord(**row) for row in tx.rows(_ACCOUNTS_OF_ONE, {"bot_id": bot_id})]


def accounts_of_all(tx: Unit, bot_ids: Sequence[str]) -> list[AccountRecord]:
    """A list in a statement is written anew each time, so one bot is asked about by `accounts_of`."""
    return [AccountRecord(**row._mapping) for row in tx.execute(_ACCOUNTS, {"bot_ids": list(bot_ids)})]


def started_accounts(tx: Unit) -> list[AccountRecord]:
    """Of every project: what is to be connected when the server starts."""
    return [AccountRecord(**row._mapping) for row in tx.execute(_STARTED)]


def set_desired_state(tx: Unit, account_id: str, state: str) -> None:
    tx.execute(_DESIRE, {"account_id": account_id, "desired_state": state})


def insert_message(tx: Unit, message: MessageRecord) -> None:
    tx.change(_INSERT_MESSAGE, msgspec.structs.asdict(message))


def messages(tx: Unit, query: MessageQuery, viewer: str) -> list[MessageRecord]:
    """Newest first. Of the web chat only the conversation of the user `viewer`."""
    statement = sa.select(_messages).where(
        _messages.c.bot_id == query.bot_id,
        sa.or_(_messages.c.platform != webchat.NAME, _messages.c.channel == viewer),
    )
    if query.account_id is not None:
        statement = statement.where(_messages.c.account_id == query.account_id)
    if query.channel is not None:
        statement = statement.where(_messages.c.channel == query.channel)
    if query.before is not None:
        statement = statement.where(_messages.c.id < query.before)
    found = tx.execute(statement.order_by(_messages.c.id.desc()).limit(query.limit))
    return [MessageRecord(**row._mapping) for row in found]


def recent(tx: Unit, account_id: str, channel: str, limit: int) -> list[MessageRecord]:
    """The last messages of one conversation that did come or go, oldest first."""
    found = tx.execute(_RECENT, {"account_id": account_id, "channel": channel, "limit": limit})
    return [MessageRecord(**row._mapping) for row in reversed(found.all())]


def queued_under(tx: Unit, bot_id: str, key: str) -> str | None:
    """The id of the message that an idempotency key stands for."""
    found: str | None = tx.execute(_QUEUED_BY_KEY, {"bot_id": bot_id, "key": key}).scalar_one_or_none()
    return found


def insert_outbox(tx: Unit, values: dict[str, Any]) -> None:
    tx.change(_QUEUE, values)


def next_queued(tx: Unit, account_id: str) -> OutboxRecord | None:
    """The account's oldest message that is still to be sent."""
    found = tx.rows(_NEXT_QUEUED, {"account_id": account_id})
    return OutboxRecord(**found[0] | {"cause": msgspec.convert(found[0]["cause"], Cause)}) if found else None


def finish_outbox(tx: Unit, outbox_id: str, status: str, detail: str) -> bool:
    """Close a queued message and its line of history. False if it was closed already."""
    values = {"outbox_id": outbox_id, "status": status, "detail": detail, "finished_at": tx.now()}
    if not tx.change(_FINISH, values):
        return False
    tx.change(_FINISH_HISTORY, {"outbox_id": outbox_id, "status": status})
    return True


def insert_unanswered(tx: Unit, unanswered: Unanswered) -> None:
    message = unanswered.message
    values = {"id": message.message_id, "account_id": message.account_id, **msgspec.structs.asdict(unanswered)}
    tx.execute(sa.insert(_unanswered), values)


def unanswered(tx: Unit) -> list[Unanswered]:
    """Oldest first."""
    return [msgspec.convert(dict(row._mapping), Unanswered) for row in tx.execute(_UNANSWERED)]


def delete_unanswered(tx: Unit, message_id: str) -> None:
    tx.execute(_ANSWERED, {"message_id": message_id})
