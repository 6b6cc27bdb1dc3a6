"""The rules of sign-ins, over one unit of work each: how one begins, goes on and ends."""

import hmac
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from vivesphere.contracts.auth import LoginSucceeded, RefreshTokenReused, SessionEnded
from vivesphere.kernel.db.handle import Unit
from vivesphere.modules.auth import repository
from vivesphere.modules.auth.errors import CredentialsWrong, SessionUnknown
from vivesphere.modules.auth.repository import SessionRecord, UserRecord

USED_UP_FOR = timedelta(days=1)
"""Sessions are kept a day beyond their end, so that a stolen old token still meets its family."""

NEWEST = "ffffffff-ffff-ffff-ffff-ffffffffffff"
"""Sorts behind every id, however the database collates: it is of the same letters."""


class Successor(msgspec.Struct, frozen=True, kw_only=True):
    """The refresh token that is to follow: what it is found by, and itself, sealed."""

    digest: str
    sealed: bytes


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a refresh token out. `csrf` is None for a program; what a browser keeps in cookies works with it alone."""

    device: str
    address: str
    csrf: str | None = None


class Rotation(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a refresh token. Without `session` it is unknown or over.

    `reused`: the whole family is revoked. `again`: the successor that was given for it a moment ago, sealed.
    """

    session: SessionRecord | None = None
    username: str = ""
    reused: bool = False
    again: bytes | None = None


def begin(tx: Unit, session: SessionRecord, user: UserRecord, digest: str) -> None:
    """Raises CredentialsWrong if the password was changed while it was being looked at: the change has ended every sign-in, and
    this one must not escape it."""
    current = repository.user_by_id(tx, user.id)
    if current is None or current.password_changed_at != user.password_changed_at:
        raise CredentialsWrong
    repository.insert_session(tx, session)
    repository.insert_token(tx, digest, session.id, session.created_at)
    tx.emit(LoginSucceeded(user_id=user.id, address=session.address, session_id=session.id, device=session.device))


def rotate(tx: Unit, old: str, new: Successor, caller: Caller, *, idle: timedelta, grace: timedelta) -> Rotation:
    """Trade the token with digest `old` for `new`. Commits whatever it finds: a reuse must be kept.

    A token that comes a second time within the grace gets what it got the first time, as long as that was not used: two tabs
    asked at once, or the answer was lost. The family stays one line, so that of two holders of one token the second to use it
    is found out, grace or not.
    """
    now = tx.now()
    token = repository.refresh_token(tx, old)
    session = _usable(tx, token.session_id, caller.csrf) if token is not None else None
    if token is None or session is None:
        return Rotation()
    if token.used_at is not None:
        if token.successor is not None and now - token.used_at < grace:
            return Rotation(session=session, username=token.username, again=token.successor)
        repository.revoke_session(tx, session.id, now)
        tx.emit(
            RefreshTokenReused(user_id=session.user_id, session_id=session.id, address=caller.address, device=caller.device)
        )
        return Rotation(session=session, reused=True)
    repository.use_token(tx, old, session.id, new.sealed, now)
    repository.insert_token(tx, new.digest, session.id, now)
    touched = msgspec.structs.replace(
        session, device=caller.device, address=caller.address, used_at=now, expires_at=min(now + idle, session.ends_at)
    )
    repository.touch_session(tx, touched)
    return Rotation(session=touched, username=token.username)


def _usable(tx: Unit, session_id: str, csrf: str | None) -> SessionRecord | None:
    """The session, unless it is over or not this caller's: a browser's token is no program's, and the other way round."""
    session = repository.session_by_id(tx, session_id)
    if session is None or session.revoked_at is not None or session.expires_at <= tx.now():
        return None
    return session if hmac.compare_digest(session.csrf, csrf or "") else None


def sign_out(tx: Unit, session_id: str | None, digest: str, user_id: str | None, csrf: str | None) -> list[str]:
    """End that sign-in, and the one that the refresh token belongs to. Returns which ended.

    The token's is ended only if it is the user's, or if the caller has its CSRF token.
    """
    found = [] if session_id is None else [repository.session_by_id(tx, session_id)]
    token = repository.refresh_token(tx, digest)
    of_token = repository.session_by_id(tx, token.session_id) if token is not None else None
    if of_token is not None and (of_token.user_id == user_id or (csrf and _usable(tx, of_token.id, csrf) is not None)):
        found.append(of_token)
    return [each.id for each in found if each is not None and end(tx, each, "signed_out")]


def revoke(tx: Unit, user_id: str, session_id: str) -> None:
    """Raises SessionUnknown: there is none, it is over, or it is another user's."""
    session = repository.session_by_id(tx, session_id)
    if session is None or session.user_id != user_id or session.expires_at <= tx.now() or not end(tx, session, "revoked"):
        raise SessionUnknown("There is no such sign-in, or it has ended.")


def revoke_all(tx: Unit, user_id: str, keep: str | None) -> list[str]:
    """Returns which ended."""
    found = repository.open_sessions(tx, user_id, tx.now())
    return [each.id for each in found if each.id != keep and end(tx, each, "revoked")]


def end(tx: Unit, session: SessionRecord, reason: Literal["signed_out", "revoked", "password_changed"]) -> bool:
    """Whether it had not ended before."""
    ended = repository.revoke_session(tx, session.id, tx.now())
    if ended:
        tx.emit(SessionEnded(user_id=session.user_id, session_id=session.id, reason=reason))
    return ended


def list_sessions(tx: Unit, user_id: str, before: str | None, limit: int) -> list[SessionRecord]:
    """Those that go on, the newest first."""
    return repository.page_of_sessions(tx, user_id, tx.now(), before or NEWEST, limit)


def revoked_since(tx: Unit, since: datetime) -> set[str]:
    return repository.revoked_since(tx, since)


def prune(tx: Unit) -> int:
    return repository.prune_sessions(tx, tx.now() - USED_UP_FOR)
