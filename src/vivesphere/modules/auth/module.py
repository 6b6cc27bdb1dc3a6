"""The wiring of auth."""

from vivesphere.contracts.auth import LoginFailed, LoginSucceeded, PasswordChanged, RefreshTokenReused, UserCreated
from vivesphere.kernel.errors import Refusal, StartError
from vivesphere.kernel.module import Job, Module, ModuleContext, OperatorCommand
from vivesphere.modules.auth.controllers import AuthController, ProjectController
from vivesphere.modules.auth.handlers import OperatorHandlers
from vivesphere.modules.auth.keyring import Keyring
from vivesphere.modules.auth.service import AuthService
from vivesphere.modules.auth.settings import AuthSettings


def build(context: ModuleContext) -> Module:
    settings = context.settings.section("auth", AuthSettings)
    keyring = Keyring(context.db, context.vault, context.principal, context.log)
    auth = AuthService(context.db, context.permissions, context.clock, settings, keyring)
    operator = OperatorHandlers(auth)

    async def start() -> None:
        try:
            await auth.start(context.settings.server.admin_password)
        except Refusal as refusal:
            raise StartError(f"VIVESPHERE_ADMIN_PASSWORD cannot be used: {refusal.detail}") from None

    return Module(
        name=context.name,
        publishes=(LoginFailed, LoginSucceeded, PasswordChanged, RefreshTokenReused, UserCreated),
        routes=(AuthController, ProjectController),
        provides={"auth": auth},
        operator_commands=(
            OperatorCommand("auth.setup_link", operator.setup_link),
            OperatorCommand("auth.user.add", operator.add_user),
            OperatorCommand("auth.user.passwd", operator.change_password),
        ),
        jobs=(Job("prune", auth.prune),),
        start=start,
        authenticator=auth,
    )
