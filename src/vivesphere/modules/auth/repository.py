"""Every query of this module."""

from datetime import datetime

import msgspec
import sqlalchemy as sa

from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.db.schema import table_of
from vivesphere.modules.auth.errors import UsernameTaken
from vivesphere.modules.auth.models import MembershipRow, ProjectRow, RefreshTokenRow, SessionRow, SigningKeyRow, UserRow
from vivesphere.modules.auth.schemas import Project


class UserRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A user as it is kept."""

    id: str
    username: str
    username_key: str
    password_hash: str
    password_changed_at: datetime
    created_at: datetime


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    user_id: str
    project: str
    role: str


class SessionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in as it is kept."""

    id: str
    user_id: str
    device: str
    address: str
    csrf: str
    created_at: datetime
    used_at: datetime
    expires_at: datetime
    ends_at: datetime
    revoked_at: datetime | None = None


class RefreshToken(msgspec.Struct, frozen=True, kw_only=True):
    """A refresh token with the name of the user it belongs to."""

    session_id: str
    username: str
    used_at: datetime | None
    successor: bytes | None


class SealedKey(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    sealed: bytes
    created_at: datetime
    ends_at: datetime | None


users, projects, memberships = table_of(UserRow), table_of(ProjectRow), table_of(MembershipRow)
sessions, tokens, keys = table_of(SessionRow), table_of(RefreshTokenRow), table_of(SigningKeyRow)

_USER = sa.select(*(users.c[field] for field in UserRecord.__struct_fields__))
_BY_NAME = _USER.where(users.c.username_key == sa.bindparam("username_key"))
_BY_ID = _USER.where(users.c.id == sa.bindparam("user_id"))
_USERS = _USER.where(users.c.id > sa.bindparam("after")).order_by(users.c.id).limit(sa.bindparam("limit"))
_ANY_USER = sa.select(sa.exists(sa.select(users.c.id)))
_NEW_USER = sa.insert(users)
_NEW_PASSWORD = sa.update(users).where(users.c.id == sa.bindparam("user_id"))
_RENEWED_HASH = _NEW_PASSWORD.where(users.c.password_hash == sa.bindparam("renewed_from"))

_MEMBERSHIPS = sa.select(*(memberships.c[field] for field in Membership.__struct_fields__))
_NEW_MEMBERSHIP = sa.insert(memberships)

_PROJECT = sa.select(projects.c.id).where(projects.c.id == sa.bindparam("slug"))
_NEW_PROJECT = sa.insert(projects)
_PROJECTS = (
    sa.select(*(projects.c[field] for field in Project.__struct_fields__))
    .where(projects.c.id > sa.bindparam("after"))
    .order_by(projects.c.id)
    .limit(sa.bindparam("limit"))
)

_SESSION = sa.select(*(sessions.c[field] for field in SessionRecord.__struct_fields__))
_ONE_SESSION = _SESSION.where(sessions.c.id == sa.bindparam("session_id"))
_NEW_SESSION = sa.insert(sessions)
_TOUCH = sa.update(sessions).where(sessions.c.id == sa.bindparam("session_id"))
_IS_OPEN = (
    sessions.c.user_id == sa.bindparam("user_id"),
    sessions.c.revoked_at.is_(None),
    sessions.c.expires_at > sa.bindparam("now", type_=sessions.c.expires_at.type),
)
_OPEN = _SESSION.where(*_IS_OPEN).order_by(sessions.c.id.desc())
_OPEN_PAGE = _OPEN.where(sessions.c.id < sa.bindparam("before")).limit(sa.bindparam("limit"))
_REVOKE = sa.update(sessions).where(sessions.c.id == sa.bindparam("session_id"), sessions.c.revoked_at.is_(None))
_REVOKED = sa.select(sessions.c.id).where(sessions.c.revoked_at >= sa.bindparam("since", type_=sessions.c.revoked_at.type))
_PRUNE = sa.delete(sessions).where(sessions.c.expires_at < sa.bindparam("now", type_=sessions.c.expires_at.type))

_NEW_TOKEN = sa.insert(tokens)
_USE_TOKEN = sa.update(tokens).where(tokens.c.digest == sa.bindparam("token"))
_FORGET_SUCCESSORS = (
    sa.update(tokens)
    .where(tokens.c.session_id == sa.bindparam("of_session"), tokens.c.successor.is_not(None))
    .values(successor=sa.null())
)
_TOKEN = (
    sa.select(tokens.c.session_id, users.c.username, tokens.c.used_at, tokens.c.successor)
    .join_from(tokens, sessions, tokens.c.session_id == sessions.c.id)
    .join(users, sessions.c.user_id == users.c.id)
    .where(tokens.c.digest == sa.bindparam("token"))
)

_KEYS = (
    sa.select(*(keys.c[field] for field in SealedKey.__struct_fields__))
    .where(sa.or_(keys.c.ends_at.is_(None), keys.c.ends_at > sa.bindparam("now", type_=keys.c.ends_at.type)))
    .order_by(keys.c.id)
)
_NEW_KEY = sa.insert(keys)
_RETIRE_KEY = sa.update(keys).where(keys.c.id == sa.bindparam("key_id"))
_OTHER_KEYS = sa.delete(keys).where(keys.c.id.not_in(sa.bindparam("kept", expanding=True)))


def user_by_name(tx: Unit, username_key: str) -> UserRecord | None:
    row = tx.execute(_BY_NAME, {"username_key": username_key}).one_or_none()
    return None if row is None else UserRecord(**row._mapping)


def user_by_id(tx: Unit, user_id: str) -> UserRecord | None:
    row = tx.execute(_BY_ID, {"user_id": user_id}).one_or_none()
    return None if row is None else UserRecord(**row._mapping)


def list_users(tx: Unit, after: str, limit: int) -> list[UserRecord]:
    return [UserRecord(**row._mapping) for row in tx.execute(_USERS, {"after": after, "limit": limit})]


def has_users(tx: Unit) -> bool:
    return bool(tx.execute(_ANY_USER).scalar_one())


def insert_user(tx: Unit, user: UserRecord) -> None:
    """Raises UsernameTaken."""
    try:
        tx.execute(_NEW_USER, msgspec.structs.asdict(user))
    except sa.exc.IntegrityError:
        raise UsernameTaken(f"There is a user {user.username} already; choose another name.") from None


def set_password(tx: Unit, user_id: str, password_hash: str, now: datetime) -> None:
    tx.execute(_NEW_PASSWORD, {"user_id": user_id, "password_hash": password_hash, "password_changed_at": now})


def renew_hash(tx: Unit, user_id: str, old: str, new: str) -> None:
    """Nothing happens if the hash is not `old` any more."""
    tx.execute(_RENEWED_HASH, {"user_id": user_id, "renewed_from": old, "password_hash": new})


def insert_membership(tx: Unit, membership: Membership) -> None:
    tx.execute(_NEW_MEMBERSHIP, msgspec.structs.asdict(membership))


def all_memberships(tx: Unit) -> list[Membership]:
    return [Membership(**row._mapping) for row in tx.execute(_MEMBERSHIPS)]


def has_project(tx: Unit, slug: str) -> bool:
    return tx.execute(_PROJECT, {"slug": slug}).one_or_none() is not None


def insert_project(tx: Unit, project: Project) -> None:
    tx.execute(_NEW_PROJECT, msgspec.structs.asdict(project))


def list_projects(tx: Unit, after: str, limit: int) -> list[Project]:
    return [Project(**row._mapping) for row in tx.execute(_PROJECTS, {"after": after, "limit": limit})]


def insert_session(tx: Unit, session: SessionRecord) -> None:
    tx.execute(_NEW_SESSION, msgspec.structs.asdict(session))


def session_by_id(tx: Unit, session_id: str) -> SessionRecord | None:
    row = tx.execute(_ONE_SESSION, {"session_id": session_id}).one_or_none()
    return None if row is None else SessionRecord(**row._mapping)


def touch_session(tx: Unit, session: SessionRecord) -> None:
    """Keep when, whence and by what it was used, and until when it lasts therefore."""
    touched = {field: getattr(session, field) for field in ("device", "address", "used_at", "expires_at")}
    tx.execute(_TOUCH, {"session_id": session.id} | touched)


def open_sessions(tx: Unit, user_id: str, now: datetime) -> list[SessionRecord]:
    return [SessionRecord(**row._mapping) for row in tx.execute(_OPEN, {"user_id": user_id, "now": now})]


def page_of_sessions(tx: Unit, user_id: str, now: datetime, before: str, limit: int) -> list[SessionRecord]:
    """The newest first."""
    found = tx.execute(_OPEN_PAGE, {"user_id": user_id, "now": now, "before": before, "limit": limit})
    return [SessionRecord(**row._mapping) for row in found]


def revoke_session(tx: Unit, session_id: str, now: datetime) -> bool:
    """Whether it was not revoked before."""
    return tx.execute(_REVOKE, {"session_id": session_id, "revoked_at": now}).rowcount > 0


def revoked_since(tx: Unit, since: datetime) -> set[str]:
    return set(tx.execute(_REVOKED, {"since": since}).scalars())


def prune_sessions(tx: Unit, now: datetime) -> int:
    """Their tokens go with them. Returns how many sessions went."""
    return tx.execute(_PRUNE, {"now": now}).rowcount


def insert_token(tx: Unit, digest: str, session_id: str, now: datetime) -> None:
    tx.execute(_NEW_TOKEN, {"digest": digest, "session_id": session_id, "created_at": now})


def use_token(tx: Unit, digest: str, session_id: str, successor: bytes, now: datetime) -> None:
    """No other token of the session remembers its successor any more: this one was it, or comes later."""
    tx.execute(_FORGET_SUCCESSORS, {"of_session": session_id})
    tx.execute(_USE_TOKEN, {"token": digest, "used_at": now, "successor": successor})


def refresh_token(tx: Unit, digest: str) -> RefreshToken | None:
    row = tx.execute(_TOKEN, {"token": digest}).one_or_none()
    return None if row is None else RefreshToken(**row._mapping)


def kept_keys(tx: Unit, now: datetime) -> list[SealedKey]:
    """Those that sign or verify, the oldest first."""
    return [SealedKey(**row._mapping) for row in tx.execute(_KEYS, {"now": now})]


def insert_key(tx: Unit, key: SealedKey) -> None:
    tx.execute(_NEW_KEY, msgspec.structs.asdict(key))


def retire_key(tx: Unit, key: SealedKey) -> None:
    tx.execute(_RETIRE_KEY, {"key_id": key.id, "sealed": key.sealed, "ends_at": key.ends_at})


def delete_keys_but(tx: Unit, kept: list[str]) -> None:
    tx.execute(_OTHER_KEYS, {"kept": kept})
