"""The wiring of audit."""

from vivesphere.kernel.module import Listener, Module, ModuleContext
from vivesphere.modules.audit.controllers import AuditController, EventController
from vivesphere.modules.audit.service import AuditService

SECURITY_EVENTS = ("auth.login.*", "auth.refresh_token.reused", "auth.user.*", "database.access_denied", "bus.loop_broken")


def build(context: ModuleContext) -> Module:
    audit = AuditService(context.db, context.history, context.permissions)
    return Module(
        name=context.name,
        listeners=tuple(Listener(pattern, audit.keep) for pattern in SECURITY_EVENTS),
        routes=(AuditController, EventController),
        provides={"audit": audit},
    )
