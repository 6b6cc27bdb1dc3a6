"""The wiring of auth."""

from datetime import timedelta

from vivesphere.contracts.auth import (
    LoginFailed,
    LoginLocked,
    LoginSucceeded,
    PasswordChanged,
    RefreshTokenReused,
    SessionEnded,
    SigningKeyRotated,
    UserCreated,
)
from vivesphere.kernel.errors import Refusal, StartError
from vivesphere.kernel.module import Job, Module, ModuleContext, OperatorCommand
from vivesphere.modules.auth.controllers import AuthController, ProjectController, UserController, web_keys
from vivesphere.modules.auth.handlers import OperatorHandlers
from vivesphere.modules.auth.keyring import Keyring
from vivesphere.modules.auth.service import AuthService
from vivesphere.modules.auth.session_controllers import BrowserController, SessionController
from vivesphere.modules.auth.session_service import SessionService
from vivesphere.modules.auth.settings import AuthSettings
from vivesphere.modules.auth.tokens import AccessTokens

ROUTES = (AuthController, UserController, ProjectController, BrowserController, SessionController, web_keys)


def build(context: ModuleContext) -> Module:
    settings = context.settings.section("auth", AuthSettings)
    access = AccessTokens(context.clock, timedelta(minutes=settings.access_minutes))
    keyring = _keyring(context, settings, access)
    sessions = SessionService(
        context.db, vault=context.vault, owner=context.principal, clock=context.clock, settings=settings, access=access
    )
    auth = AuthService(context.db, context.permissions, context.clock, settings, sessions)

    async def start() -> None:
        await keyring.open()
        await sessions.start()
        try:
            await auth.start(context.settings.server.admin_password)
        except Refusal as refusal:
            raise StartError(f"VIVESPHERE_ADMIN_PASSWORD cannot be used: {refusal.detail}") from None

    return Module(
        name=context.name,
        publishes=(
            LoginFailed,
            LoginLocked,
            LoginSucceeded,
            PasswordChanged,
            RefreshTokenReused,
            SessionEnded,
            SigningKeyRotated,
            UserCreated,
        ),
        routes=ROUTES,
        provides={"auth": auth, "sessions": sessions, "keyring": keyring},
        operator_commands=_commands(OperatorHandlers(auth, sessions, keyring)),
        jobs=(Job("prune", sessions.prune), Job("rotate keys", keyring.rotate_with_age)),
        start=start,
        stop=auth.stop,
        authenticator=sessions,
    )


def _keyring(context: ModuleContext, settings: AuthSettings, access: AccessTokens) -> Keyring:
    return Keyring(
        context.db,
        vault=context.vault,
        owner=context.principal,
        clock=context.clock,
        access=access,
        lasts_days=settings.signing_key_days,
        log=context.log,
    )


def _commands(operator: OperatorHandlers) -> tuple[OperatorCommand, ...]:
    return (
        OperatorCommand("auth.setup_link", operator.setup_link),
        OperatorCommand("auth.user.add", operator.add_user),
        OperatorCommand("auth.user.passwd", operator.change_password),
        OperatorCommand("auth.user.sessions", operator.list_sessions),
        OperatorCommand("auth.user.sign_out", operator.sign_out),
        OperatorCommand("auth.keys.rotate", operator.rotate_keys),
    )
