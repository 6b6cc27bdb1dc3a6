"""The wiring of audit."""

from vivesphere.contracts.auth import LoginFailed, LoginSucceeded, PasswordChanged, RefreshTokenReused, UserCreated
from vivesphere.kernel.events import LoopBroken, TableAccessDenied
from vivesphere.kernel.module import DurableListener, Module, ModuleContext
from vivesphere.modules.audit.controllers import AuditController, EventController
from vivesphere.modules.audit.service import AuditService

SECURITY_EVENTS = (
    LoginFailed,
    LoginSucceeded,
    LoopBroken,
    PasswordChanged,
    RefreshTokenReused,
    TableAccessDenied,
    UserCreated,
)


def build(context: ModuleContext) -> Module:
    audit = AuditService(context.db, context.history, context.permissions)
    return Module(
        name=context.name,
        durable_listeners=(DurableListener(SECURITY_EVENTS, audit.keep, "security"),),
        routes=(AuditController, EventController),
        provides={"audit": audit},
    )
