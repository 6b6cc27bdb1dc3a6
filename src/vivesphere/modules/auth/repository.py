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
    created_at: datetime


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    user_id: str
    project: str
    role: str


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """A refresh token with the session and the user it belongs to."""

    session_id: str
    user_id: str
    username: str
    used_at: datetime | None
    revoked_at: datetime | None
    expires_at: datetime


class SealedKey(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    sealed: bytes
    created_at: datetime


users, projects, memberships = table_of(UserRow), table_of(ProjectRow), table_of(MembershipRow)
sessions, tokens, keys = table_of(SessionRow), table_of(RefreshTokenRow), table_of(SigningKeyRow)

_USER = sa.select(*(users.c[field] for field in UserRecord.__struct_fields__))
_BY_NAME = _USER.where(users.c.username_key == sa.bindparam("username_key"))
_ANY_USER = sa.select(sa.exists(sa.select(users.c.id)))
_NEW_USER = sa.insert(users)
_NEW_PASSWORD = sa.update(users).where(users.c.id == sa.bindparam("user_id"))

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

_NEW_SESSION = sa.insert(sessions)
_EXTEND = sa.update(sessions).where(sessions.c.id == sa.bindparam("session_id"))
_OPEN = sa.select(sessions.c.id).where(sessions.c.user_id == sa.bindparam("user_id"), sessions.c.revoked_at.is_(None))
_REVOKE = sa.update(sessions).where(sessions.c.id == sa.bindparam("session_id"), sessions.c.revoked_at.is_(None))
_REVOKED = sa.select(sessions.c.id).where(sessions.c.revoked_at >= sa.bindparam("since", type_=sessions.c.revoked_at.type))
_PRUNE = sa.delete(sessions).where(sessions.c.expires_at < sa.bindparam("now", type_=sessions.c.expires_at.type))

_NEW_TOKEN = sa.insert(tokens)
_USE_TOKEN = sa.update(tokens).where(tokens.c.digest == sa.bindparam("token"))
_SIGN_IN = (
    sa.select(
        tokens.c.session_id,
        sessions.c.user_id,
        users.c.username,
        tokens.c.used_at,
        sessions.c.revoked_at,
        sessions.c.expires_at,
    )
    .join_from(tokens, sessions, tokens.c.session_id == sessions.c.id)
    .join(users, sessions.c.user_id == users.c.id)
    .where(tokens.c.digest == sa.bindparam("token"))
)

_NEWEST_KEY = sa.select(*(keys.c[field] for field in SealedKey.__struct_fields__)).order_by(keys.c.id.desc()).limit(1)
_NEW_KEY = sa.insert(keys)


def user_by_name(tx: Unit, username_key: str) -> UserRecord | None:
    row = tx.execute(_BY_NAME, {"username_key": username_key}).one_or_none()
    return None if row is None else UserRecord(**row._mapping)


def has_users(tx: Unit) -> bool:
    return bool(tx.execute(_ANY_USER).scalar_one())


def insert_user(tx: Unit, user: UserRecord) -> None:
    """Raises UsernameTaken."""
    try:
        tx.execute(_NEW_USER, msgspec.structs.asdict(user))
    except sa.exc.IntegrityError:
        raise UsernameTaken(f"There is a user {user.username} already; choose another name.") from None


def set_password(tx: Unit, user_id: str, password_hash: str) -> None:
    tx.execute(_NEW_PASSWORD, {"user_id": user_id, "password_hash": password_hash})


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


def insert_session(tx: Unit, session_id: str, user_id: str, now: datetime, expires_at: datetime) -> None:
    tx.execute(_NEW_SESSION, {"id": session_id, "user_id": user_id, "created_at": now, "expires_at": expires_at})


def extend_session(tx: Unit, session_id: str, expires_at: datetime) -> None:
    tx.execute(_EXTEND, {"session_id": session_id, "expires_at": expires_at})


def open_sessions(tx: Unit, user_id: str) -> list[str]:
    return list(tx.execute(_OPEN, {"user_id": user_id}).scalars())


def revoke_session(tx: Unit, session_id: str, now: datetime) -> None:
    tx.execute(_REVOKE, {"session_id": session_id, "revoked_at": now})


def revoked_since(tx: Unit, since: datetime) -> set[str]:
    return set(tx.execute(_REVOKED, {"since": since}).scalars())


def prune_sessions(tx: Unit, now: datetime) -> int:
    """Their tokens go with them. Returns how many sessions went."""
    return tx.execute(_PRUNE, {"now": now}).rowcount


def insert_token(tx: Unit, digest: str, session_id: str, now: datetime) -> None:
    tx.execute(_NEW_TOKEN, {"digest": digest, "session_id": session_id, "created_at": now})


def use_token(tx: Unit, digest: str, now: datetime) -> None:
    tx.execute(_USE_TOKEN, {"token": digest, "used_at": now})


def sign_in_of(tx: Unit, digest: str) -> SignIn | None:
    row = tx.execute(_SIGN_IN, {"token": digest}).one_or_none()
    return None if row is None else SignIn(**row._mapping)


def newest_key(tx: Unit) -> SealedKey | None:
    row = tx.execute(_NEWEST_KEY).one_or_none()
    return None if row is None else SealedKey(**row._mapping)


def insert_key(tx: Unit, key: SealedKey) -> None:
    tx.execute(_NEW_KEY, msgspec.structs.asdict(key))
