"""Accounts, sessions and projects: what `auth` says."""

from typing import Literal

from vivesphere.kernel.bus.messages import Event


class UserCreated(Event, durable=True):
    topic = "auth.user.created"
    permission = "auth.user.read"
    user_id: str
    username: str
    role: str


class PasswordChanged(Event, durable=True):
    topic = "auth.user.password_changed"
    permission = "auth.user.read"
    user_id: str


class LoginSucceeded(Event, durable=True):
    """`device` is what it calls itself."""

    topic = "auth.login.succeeded"
    permission = "audit.entry.read"
    user_id: str
    address: str
    session_id: str = ""
    device: str = ""


class LoginFailed(Event, durable=True):
    """`username` is what was typed; whether it exists is not said."""

    topic = "auth.login.failed"
    permission = "audit.entry.read"
    username: str
    address: str


class LoginLocked(Event, durable=True):
    """Too many wrong passwords: the next tries must wait, at first `seconds`, then longer each time.

    `scope` is what was counted: tries for this name from this address, for this name from everywhere, or from this address for
    whatever name. Told when the waiting begins. `username` is what was typed; whether it exists is not said.
    """

    topic = "auth.login.locked"
    permission = "audit.entry.read"
    username: str
    address: str
    scope: Literal["name_and_address", "name", "address"]
    seconds: int


class SessionEnded(Event, durable=True):
    """A sign-in was ended before its time: by its own device, by the user or an administrator from elsewhere, or because the
    password was changed."""

    topic = "auth.session.ended"
    permission = "audit.entry.read"
    user_id: str
    session_id: str
    reason: Literal["signed_out", "revoked", "password_changed"]


class RefreshTokenReused(Event, durable=True):
    """A refresh token came back after it was used: its whole family is revoked. Somebody else may have it; `address` and
    `device` are of whoever came second."""

    topic = "auth.refresh_token.reused"
    permission = "audit.entry.read"
    user_id: str
    session_id: str = ""
    address: str = ""
    device: str = ""


class SigningKeyRotated(Event, durable=True):
    """Access tokens are signed with a new key, `key_id`. Those that were signed before stay good until they expire."""

    topic = "auth.signing_key.rotated"
    permission = "audit.entry.read"
    key_id: str
    reason: Literal["age", "asked", "unreadable"]
