"""The rules of bots, over one unit of work each."""

from typing import Any

import msgspec

from vivesphere.contracts.bots import BotCreated, MessageFailed, MessageReceived, MessageSent
from vivesphere.kernel import principals
from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.ids import new_id
from vivesphere.kernel.principals import Principal
from vivesphere.modules.bots import repository
from vivesphere.modules.bots.connectors import webchat
from vivesphere.modules.bots.connectors.connector import Incoming
from vivesphere.modules.bots.errors import AccountUnknown, BotUnknown, MessageInvalid, WebchatExists
from vivesphere.modules.bots.records import (
    AccountRecord,
    BotRecord,
    DesiredState,
    MessageQuery,
    MessageRecord,
    MessageStatus,
    OutboxRecord,
    Unanswered,
)

MAX_NAME = 200
MAX_TEXT = 15_000
"""Characters of one message that are kept. The effects journal takes 64 KiB, and a code point has up to four bytes."""


class Fleet(msgspec.Struct, frozen=True):
    """Some bots with all their accounts."""

    bots: list[BotRecord]
    accounts: list[AccountRecord]


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """A login on a platform, to be added as an account; its secret is in the vault already."""

    id: str
    bot_id: str
    platform: str
    config: dict[str, Any]
    secret_id: str | None


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A message somebody wants sent. Without `account_id` the bot's only account is meant."""

    bot_id: str
    channel: str
    text: str
    account_id: str | None = None
    idempotency_key: str | None = None


class Queued(msgspec.Struct, frozen=True):
    message_id: str
    account_id: str


def create_bot(tx: Unit, bot_id: str, name: str, prefix: str) -> BotRecord:
    """Raises BotExists."""
    made = BotRecord(id=bot_id, project=tx.cause.project, name=name, prefix=prefix, created_at=tx.now())
    repository.insert_bot(tx, made)
    tx.emit(BotCreated(bot_id=bot_id, name=name))
    return made


def list_bots(tx: Unit, after: str, limit: int) -> Fleet:
    bots = repository.bots(tx, tx.cause.project, after, limit)
    return Fleet(bots, repository.accounts_of_all(tx, [bot.id for bot in bots]))


def find_bot(tx: Unit, bot_id: str) -> Fleet:
    """Raises BotUnknown, also for a bot of another project."""
    return Fleet([_bot(tx, bot_id)], repository.accounts_of(tx, bot_id))


def add_account(tx: Unit, account: Login, state: DesiredState) -> AccountRecord:
    """Raises BotUnknown or WebchatExists."""
    bot = _bot(tx, account.bot_id)
    if account.platform == webchat.NAME and any(other.platform == webchat.NAME for other in repository.accounts_of(tx, bot.id)):
        raise WebchatExists
    made = AccountRecord(**msgspec.structs.asdict(account), project=bot.project, desired_state=state, created_at=tx.now())
    repository.insert_account(tx, made)
    return made


def desire(tx: Unit, bot_id: str, account_id: str | None, state: DesiredState) -> list[AccountRecord]:
    """Note that one account of the bot, or all of them, shall be started or stopped. Raises BotUnknown or AccountUnknown."""
    fleet = find_bot(tx, bot_id)
    wanted = [account for account in fleet.accounts if account_id in (None, account.id)]
    if account_id is not None and not wanted:
        raise AccountUnknown(account_id)
    for account in wanted:
        repository.set_desired_state(tx, account.id, state)
    return [msgspec.structs.replace(account, desired_state=state) for account in wanted]


def started_accounts(tx: Unit) -> list[AccountRecord]:
    return repository.started_accounts(tx)


def list_messages(tx: Unit, query: MessageQuery) -> list[MessageRecord]:
    """Raises BotUnknown."""
    _bot(tx, query.bot_id)
    return repository.messages(tx, query, _viewer(tx.cause.actor))


def recent(tx: Unit, account_id: str, channel: str, limit: int) -> list[MessageRecord]:
    return repository.recent(tx, account_id, channel, limit)


def record_received(tx: Unit, account: AccountRecord, heard: Incoming) -> str:
    """Keep what was heard and report it, in one unit. Returns the message's id."""
    message = MessageRecord(
        id=new_id(),
        project=account.project,
        bot_id=account.bot_id,
        account_id=account.id,
        platform=account.platform,
        channel=clean(heard.channel, MAX_NAME),
        direction="in",
        sender=clean(heard.sender, MAX_NAME),
        sender_id=clean(heard.sender_id, MAX_NAME),
        text=clean(heard.text, MAX_TEXT),
        status="received",
        at=tx.now(),
    )
    repository.insert_message(tx, message)
    tx.emit(
        MessageReceived(
            message_id=message.id,
            bot_id=message.bot_id,
            account_id=message.account_id,
            platform=message.platform,
            channel=message.channel,
            sender=message.sender,
            sender_id=message.sender_id,
            text=message.text,
            private=heard.private,
            from_bot=heard.from_bot,
        )
    )
    return message.id


def enqueue(tx: Unit, outgoing: Outgoing) -> Queued:
    """Put a message in the outbox, once for each idempotency key. Raises BotUnknown, AccountUnknown or MessageInvalid."""
    account = sender_of(tx, outgoing)
    bot = bot_called(tx, outgoing.bot_id)
    key = outgoing.idempotency_key
    if key is not None and (earlier := repository.queued_under(tx, bot.id, key)) is not None:
        return Queued(earlier, account.id)
    message = MessageRecord(
        id=new_id(),
        project=bot.project,
        bot_id=bot.id,
        account_id=account.id,
        platform=account.platform,
        channel=outgoing.channel,
        direction="out",
        sender=bot.name,
        sender_id=bot.id,
        text=clean(outgoing.text, MAX_TEXT),
        status="queued",
        at=tx.now(),
    )
    repository.insert_outbox(tx, _outbox_values(message, key, tx))
    repository.insert_message(tx, message)
    return Queued(message.id, account.id)


def take_up(tx: Unit, unanswered: Unanswered) -> None:
    """Keep a message that asks for an answer until it has one."""
    repository.insert_unanswered(tx, unanswered)


def unanswered(tx: Unit) -> list[Unanswered]:
    """Everything that still waits for its answer, oldest first, of every project."""
    return repository.unanswered(tx)


def answer(tx: Unit, message_id: str, outgoing: Outgoing | None) -> Queued | None:
    """The message has its answer now, or gets none. Raises BotUnknown, AccountUnknown or MessageInvalid."""
    repository.delete_unanswered(tx, message_id)
    return None if outgoing is None else enqueue(tx, outgoing)


def next_queued(tx: Unit, account_id: str) -> OutboxRecord | None:
    return repository.next_queued(tx, account_id)


def finish(tx: Unit, message: OutboxRecord, status: MessageStatus, detail: str) -> None:
    """Say what became of a queued message, in its history and as an event. A second time says nothing."""
    if not repository.finish_outbox(tx, message.id, status, detail):
        return
    if status == "sent":
        tx.emit(
            MessageSent(
                message_id=message.id,
                bot_id=message.bot_id,
                account_id=message.account_id,
                platform=message.platform,
                channel=message.channel,
                text=message.text,
            )
        )
    else:
        tx.emit(
            MessageFailed(
                message_id=message.id, bot_id=message.bot_id, account_id=message.account_id, status=status, detail=detail
            )
        )


def clean(text: str, limit: int) -> str:
    """Text that every database and platform can hold: no NUL, no half of a surrogate pair, at most `limit` characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:limit]


def _viewer(actor: Principal) -> str:
    """The user whose own web chat may be shown to the actor; empty for one who is no user."""
    return principals.name(actor) if principals.kind(actor) == "user" else ""


def _bot(tx: Unit, bot_id: str) -> BotRecord:
    found = repository.bot(tx, tx.cause.project, bot_id)
    if found is None:
        raise BotUnknown(bot_id)
    return found


def bot_called(tx: Unit, id_or_name: str) -> BotRecord:
    """The bot of that id or name: who writes a plan by hand names it as people do. Raises BotUnknown."""
    project = tx.cause.project
    found = repository.bot(tx, project, id_or_name) or repository.bot_by_name(tx, project, id_or_name)
    if found is None:
        raise BotUnknown(id_or_name)
    return found


def sender_of(tx: Unit, outgoing: Outgoing) -> AccountRecord:
    """The account that is to send a message. Raises BotUnknown, AccountUnknown or MessageInvalid."""
    accounts = repository.accounts_of(tx, bot_called(tx, outgoing.bot_id).id)
    if outgoing.account_id is not None:
        for account in accounts:
            if account.id == outgoing.account_id:
                return account
        raise AccountUnknown(outgoing.account_id)
    if len(accounts) != 1:
        raise MessageInvalid(f"The bot has {len(accounts)} accounts; say with account_id which one shall send.")
    return accounts[0]


def _outbox_values(message: MessageRecord, key: str | None, tx: Unit) -> dict[str, Any]:
    return {
        "id": message.id,
        "project": message.project,
        "bot_id": message.bot_id,
        "account_id": message.account_id,
        "platform": message.platform,
        "channel": message.channel,
        "text": message.text,
        "idempotency_key": key,
        "status": "queued",
        "detail": "",
        "cause": tx.cause,
        "created_at": message.at,
        "finished_at": None,
    }
