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
    """One sign-in: the family of refresh tokens that came from it."""

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTime, index=True)


class RefreshTokenRow(Model):
    """`digest` is SHA-256 of the token: 256 random bits need no slow hash. `used_at` marks what must never come back."""

    __tablename__ = "refresh_tokens"

    digest: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    session_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("sessions.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)


class SigningKeyRow(Model):
    """`sealed` is the private key, as only the vault opens it."""

    __tablename__ = "signing_keys"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    sealed: Mapped[bytes] = mapped_column(sa.LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
