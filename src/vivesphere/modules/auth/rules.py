"""The rules of auth, over one unit of work each."""

from datetime import datetime, timedelta

import msgspec

from vivesphere.contracts.auth import LoginFailed, LoginSucceeded, PasswordChanged, RefreshTokenReused, UserCreated
from vivesphere.kernel.cause import DEFAULT_PROJECT
from vivesphere.kernel.db.handle import Unit
from vivesphere.modules.auth import repository
from vivesphere.modules.auth.errors import SetupDone
from vivesphere.modules.auth.repository import Membership, SealedKey, SignIn, UserRecord
from vivesphere.modules.auth.schemas import Project

USED_UP_FOR = timedelta(days=1)
"""Sessions are kept a day beyond their end, so that a stolen old token still meets its family."""


class Rotation(msgspec.Struct, frozen=True):
    """What became of a refresh token. Without `sign_in` it is unknown or over; `reused`: its whole family is revoked."""

    sign_in: SignIn | None = None
    reused: bool = False


def furnish(tx: Unit) -> None:
    """There is always a project to work in."""
    if not repository.has_project(tx, DEFAULT_PROJECT):
        repository.insert_project(tx, Project(id=DEFAULT_PROJECT, name="Default", created_at=tx.now()))


def has_users(tx: Unit) -> bool:
    return repository.has_users(tx)


def find_user(tx: Unit, username_key: str) -> UserRecord | None:
    return repository.user_by_name(tx, username_key)


def add_user(tx: Unit, user: UserRecord, role: str, *, first: bool) -> None:
    """A user with a role in every project. `first` raises SetupDone if there is one already."""
    if first and repository.has_users(tx):
        raise SetupDone("This server is set up already; sign in instead.")
    repository.insert_user(tx, user)
    repository.insert_membership(tx, Membership(user_id=user.id, project="*", role=role))
    tx.emit(UserCreated(user_id=user.id, username=user.username, role=role))


def change_password(tx: Unit, user_id: str, password_hash: str) -> list[str]:
    """Ends every sign-in of the user; returns which."""
    repository.set_password(tx, user_id, password_hash)
    ended = repository.open_sessions(tx, user_id)
    for session_id in ended:
        repository.revoke_session(tx, session_id, tx.now())
    tx.emit(PasswordChanged(user_id=user_id))
    return ended


def renew_hash(tx: Unit, user_id: str, password_hash: str) -> None:
    """The same password under the present parameters."""
    repository.set_password(tx, user_id, password_hash)


def begin_session(tx: Unit, session_id: str, user_id: str, digest: str, *, lasts: timedelta, address: str) -> None:
    now = tx.now()
    repository.insert_session(tx, session_id, user_id, now, now + lasts)
    repository.insert_token(tx, digest, session_id, now)
    tx.emit(LoginSucceeded(user_id=user_id, address=address))


def login_failed(tx: Unit, username: str, address: str) -> None:
    tx.emit(LoginFailed(username=username, address=address))


def rotate(tx: Unit, old: str, new: str, lasts: timedelta) -> Rotation:
    """Trade the token with digest `old` for the one with digest `new`. Commits whatever it finds: a reuse must be kept."""
    now = tx.now()
    sign_in = repository.sign_in_of(tx, old)
    if sign_in is None or sign_in.revoked_at is not None or sign_in.expires_at <= now:
        return Rotation()
    if sign_in.used_at is not None:
        repository.revoke_session(tx, sign_in.session_id, now)
        tx.emit(RefreshTokenReused(user_id=sign_in.user_id))
        return Rotation(sign_in, reused=True)
    repository.use_token(tx, old, now)
    repository.insert_token(tx, new, sign_in.session_id, now)
    repository.extend_session(tx, sign_in.session_id, now + lasts)
    return Rotation(sign_in)


def end_sessions(tx: Unit, user_id: str, session_id: str, digest: str) -> set[str]:
    """End that sign-in, and the one that the refresh token belongs to if it is the same user's. Returns which ended."""
    ended = {session_id}
    sign_in = repository.sign_in_of(tx, digest)
    if sign_in is not None and sign_in.user_id == user_id:
        ended.add(sign_in.session_id)
    for each in ended:
        repository.revoke_session(tx, each, tx.now())
    return ended


def revoked_since(tx: Unit, since: datetime) -> set[str]:
    return repository.revoked_since(tx, since)


def prune(tx: Unit) -> int:
    return repository.prune_sessions(tx, tx.now() - USED_UP_FOR)


def memberships(tx: Unit) -> list[Membership]:
    return repository.all_memberships(tx)


def list_projects(tx: Unit, after: str, limit: int) -> list[Project]:
    return repository.list_projects(tx, after, limit)


def newest_key(tx: Unit) -> SealedKey | None:
    return repository.newest_key(tx)


def keep_key(tx: Unit, key_id: str, sealed: bytes) -> None:
    repository.insert_key(tx, SealedKey(id=key_id, sealed=sealed, created_at=tx.now()))
