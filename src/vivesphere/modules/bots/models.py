"""The tables of bots. `project` is the slug of the project that owns the row."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from vivesphere.kernel.db.schema import Model, refers_to
from vivesphere.kernel.db.types import Id, Json, UtcTime


class BotRow(Model):
    __tablename__ = "bots"
    __table_args__ = (sa.UniqueConstraint("project", "name"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project: Mapped[str] = mapped_column(sa.String(63), info=refers_to("projects.id"))
    name: Mapped[str] = mapped_column(sa.String(40))
    prefix: Mapped[str] = mapped_column(sa.String(5))
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class AccountRow(Model):
    """A login on a platform. `desired_state` is what a person asked for; how it goes is known to the running process only."""

    __tablename__ = "bot_accounts"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    bot_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("bots.id"), index=True)
    project: Mapped[str] = mapped_column(sa.String(63), info=refers_to("projects.id"))
    platform: Mapped[str] = mapped_column(sa.String(40))
    config: Mapped[Any] = mapped_column(Json)
    secret_id: Mapped[str | None] = mapped_column(Id, info=refers_to("secrets.id"))
    desired_state: Mapped[str] = mapped_column(sa.String(10))
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class ChatMessageRow(Model):
    """The history, in and out. An outgoing message has the id of its outbox row and follows its status."""

    __tablename__ = "chat_messages"
    __table_args__ = (
        sa.Index("ix_chat_messages_bot_id_id", "bot_id", "id"),
        sa.Index("ix_chat_messages_account_id_channel_id", "account_id", "channel", "id"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project: Mapped[str] = mapped_column(sa.String(63))
    bot_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("bots.id"))
    account_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("bot_accounts.id"))
    platform: Mapped[str] = mapped_column(sa.String(40))
    channel: Mapped[str] = mapped_column(sa.String(200))
    direction: Mapped[str] = mapped_column(sa.String(3))
    sender: Mapped[str] = mapped_column(sa.String(200))
    sender_id: Mapped[str] = mapped_column(sa.String(200))
    text: Mapped[str] = mapped_column(sa.Text)
    status: Mapped[str] = mapped_column(sa.String(10))
    at: Mapped[datetime] = mapped_column(UtcTime)


class OutboxRow(Model):
    """A message to be sent. `cause` is why, so that sending it continues the chain that asked for it."""

    __tablename__ = "outbox"
    __table_args__ = (
        sa.UniqueConstraint("bot_id", "idempotency_key"),
        sa.Index("ix_outbox_account_id_status_id", "account_id", "status", "id"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project: Mapped[str] = mapped_column(sa.String(63))
    bot_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("bots.id"))
    account_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("bot_accounts.id"))
    platform: Mapped[str] = mapped_column(sa.String(40))
    channel: Mapped[str] = mapped_column(sa.String(200))
    text: Mapped[str] = mapped_column(sa.Text)
    idempotency_key: Mapped[str | None] = mapped_column(sa.String(200))
    status: Mapped[str] = mapped_column(sa.String(10))
    detail: Mapped[str] = mapped_column(sa.Text)
    cause: Mapped[Any] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTime)


class UnansweredRow(Model):
    """A message that asks for an answer: from the commit that acknowledges its event to the one that queues its answer. `id`
    is the message's own, `asked` what it was understood to ask for, `cause` why it is answered."""

    __tablename__ = "unanswered_messages"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    account_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("bot_accounts.id"))
    message: Mapped[Any] = mapped_column(Json)
    asked: Mapped[Any] = mapped_column(Json)
    prefix: Mapped[str] = mapped_column(sa.String(5))
    cause: Mapped[Any] = mapped_column(Json)
    at: Mapped[datetime] = mapped_column(UtcTime)
