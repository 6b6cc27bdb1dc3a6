"""Users, their sessions with refresh tokens, projects, memberships, and the sealed signing keys."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from vivesphere.kernel.db.schema import Model
from vivesphere.kernel.db.types import Id, UtcTime


class UserRow(Model):
    """`username_key` is what the name is found by, whatever its case."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    username: Mapped[str] = mapped_column(sa.String(64))
    username_key: Mapped[str] = mapped_column(sa.String(200), unique=True)
    password_hash: Mapped[str] = mapped_column(sa.String(200))
    password_changed_at: Mapped[datetime] = mapped_column(UtcTime)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class ProjectRow(Model):
    __tablename__ = "projects"

    id: Mapped[str] = mapped_column(sa.String(63), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100))
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class MembershipRow(Model):
    """The role of a user in a project. `*` is every project, those to come included, so `project` is no foreign key."""

    __tablename__ = "memberships"

    user_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    project: Mapped[str] = mapped_column(sa.String(63), primary_key=True)
    role: Mapped[str] = mapped_column(sa.String(20))


class SessionRow(Model):
    """One sign-in: the family of refresh tokens that came from it.

    It is over at `expires_at` unless it is used before, and at `ends_at` in any case; `expires_at` never lies behind `ends_at`.
    `device`, `address` and `used_at` are of its last refresh. `csrf` is empty unless it lives in a browser's cookies.
    """

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("users.id", ondelete="CASCADE"), index=True)
    device: Mapped[str] = mapped_column(sa.String(100))
    address: Mapped[str] = mapped_column(sa.String(64))
    csrf: Mapped[str] = mapped_column(sa.String(64))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    used_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    ends_at: Mapped[datetime] = mapped_column(UtcTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTime, index=True)


class RefreshTokenRow(Model):
    """`digest` is SHA-256 of the token: 256 random bits need no slow hash. `used_at` marks what must never come back.

    `successor` is the token that was given for this one, sealed, for whoever asks twice at once; forgotten as soon as the
    successor is used itself.
    """

    __tablename__ = "refresh_tokens"

    digest: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    session_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("sessions.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)
    successor: Mapped[bytes | None] = mapped_column(sa.LargeBinary)


class SigningKeyRow(Model):
    """`sealed` is the private key, as only the vault opens it; of a retired key, its public half. Verifies until `ends_at`."""

    __tablename__ = "signing_keys"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    sealed: Mapped[bytes] = mapped_column(sa.LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    ends_at: Mapped[datetime | None] = mapped_column(UtcTime)
