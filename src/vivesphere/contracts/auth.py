"""Accounts, sessions and projects: what `auth` says."""

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
    topic = "auth.login.succeeded"
    permission = "audit.entry.read"
    user_id: str
    address: str


class LoginFailed(Event, durable=True):
    """`username` is what was typed; whether it exists is not said."""

    topic = "auth.login.failed"
    permission = "audit.entry.read"
    username: str
    address: str


class RefreshTokenReused(Event, durable=True):
    """A refresh token came back after it was used: its whole family is revoked."""

    topic = "auth.refresh_token.reused"
    permission = "audit.entry.read"
    user_id: str
