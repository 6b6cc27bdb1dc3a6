"""The rules of auth, over one unit of work each: users and their passwords, projects, signing keys."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from vivesphere.contracts.auth import LoginFailed, LoginLocked, PasswordChanged, SigningKeyRotated, UserCreated
from vivesphere.kernel.cause import DEFAULT_PROJECT
from vivesphere.kernel.db.handle import Unit
from vivesphere.modules.auth import repository
from vivesphere.modules.auth.errors import CurrentPasswordWrong, SetupDone
from vivesphere.modules.auth.lockout import Lock
from vivesphere.modules.auth.repository import Membership, SealedKey, UserRecord
from vivesphere.modules.auth.schemas import Project
from vivesphere.modules.auth.session_rules import end


def furnish(tx: Unit) -> None:
    """There is always a project to work in."""
    if not repository.has_project(tx, DEFAULT_PROJECT):
        repository.insert_project(tx, Project(id=DEFAULT_PROJECT, name="Default", created_at=tx.now()))


def has_users(tx: Unit) -> bool:
    return repository.has_users(tx)


def find_user(tx: Unit, username_key: str) -> UserRecord | None:
    return repository.user_by_name(tx, username_key)


def user_of(tx: Unit, user_id: str) -> UserRecord | None:
    return repository.user_by_id(tx, user_id)


def list_users(tx: Unit, after: str, limit: int) -> list[UserRecord]:
    return repository.list_users(tx, after, limit)


def add_user(tx: Unit, user: UserRecord, role: str, *, first: bool) -> None:
    """A user with a role in every project. `first` raises SetupDone if there is one already."""
    if first and repository.has_users(tx):
        raise SetupDone("This server is set up already; sign in instead.")
    repository.insert_user(tx, user)
    repository.insert_membership(tx, Membership(user_id=user.id, project="*", role=role))
    tx.emit(UserCreated(user_id=user.id, username=user.username, role=role))


def change_password(
    tx: Unit, user_id: str, password_hash: str, *, known: datetime | None = None, keep: str | None = None
) -> list[str]:
    """Ends every sign-in of the user but `keep`; returns which. `known` is when the password was set that whoever asks has
    proved to know: if it was changed since, CurrentPasswordWrong is raised."""
    user = repository.user_by_id(tx, user_id)
    if known is not None and (user is None or user.password_changed_at != known):
        raise CurrentPasswordWrong
    repository.set_password(tx, user_id, password_hash, tx.now())
    tx.emit(PasswordChanged(user_id=user_id))
    others = [each for each in repository.open_sessions(tx, user_id, tx.now()) if each.id != keep]
    return [each.id for each in others if end(tx, each, "password_changed")]


def renew_hash(tx: Unit, user: UserRecord, password_hash: str) -> None:
    """The same password under the present parameters, unless it was changed meanwhile."""
    repository.renew_hash(tx, user.id, user.password_hash, password_hash)


def login_failed(tx: Unit, username: str, address: str, locks: Sequence[Lock]) -> None:
    tx.emit(LoginFailed(username=username, address=address))
    for lock in locks:
        tx.emit(LoginLocked(username=username, address=address, scope=lock.scope, seconds=round(lock.wait)))


def memberships(tx: Unit) -> list[Membership]:
    return repository.all_memberships(tx)


def list_projects(tx: Unit, after: str, limit: int) -> list[Project]:
    return repository.list_projects(tx, after, limit)


def kept_keys(tx: Unit, now: datetime) -> list[SealedKey]:
    return repository.kept_keys(tx, now)


def replace_keys(
    tx: Unit, new: SealedKey, retired: Sequence[SealedKey], reason: Literal["age", "asked", "unreadable"] | None
) -> None:
    """Sign with `new`. Of the others those stay that are `retired`; without a `reason` it is the first key of all."""
    repository.delete_keys_but(tx, [key.id for key in retired])
    for key in retired:
        repository.retire_key(tx, key)
    repository.insert_key(tx, new)
    if reason is not None:
        tx.emit(SigningKeyRotated(key_id=new.id, reason=reason))
