"""The wiring of audit."""

from vivesphere.contracts.auth import LoginFailed, LoginSucceeded, PasswordChanged, RefreshTokenReused, UserCreated
from vivesphere.contracts.data import BackupCreated, BackupDeleted, BackupDownloaded, BackupFailed
from vivesphere.contracts.settings import SettingsChanged
from vivesphere.kernel.events import LoopBroken, TableAccessDenied, TableGrantApproved, TableGrantRevoked
from vivesphere.kernel.http.feed import StreamContext
from vivesphere.kernel.module import DurableListener, Module, ModuleContext, OperatorCommand, OperatorStream
from vivesphere.modules.audit.controllers import AuditController, BusController, DeadLetterController, EventController
from vivesphere.modules.audit.dead_letters import DeadLetterService
from vivesphere.modules.audit.events import EventService
from vivesphere.modules.audit.handlers import OperatorHandlers
from vivesphere.modules.audit.service import AuditService

SECURITY_EVENTS = (
    BackupCreated,
    BackupDeleted,
    BackupDownloaded,
    BackupFailed,
    LoginFailed,
    LoginSucceeded,
    LoopBroken,
    PasswordChanged,
    RefreshTokenReused,
    SettingsChanged,
    TableAccessDenied,
    TableGrantApproved,
    TableGrantRevoked,
    UserCreated,
)


def build(context: ModuleContext) -> Module:
    audit = AuditService(context.db)
    events = EventService(context.principal, context.history, context.permissions, context.bus_overview)
    letters = DeadLetterService(context.redelivery, events)
    streams = StreamContext(context.bus, context.history, context.permissions, context.clock)
    operator = OperatorHandlers(events, letters, streams)
    return Module(
        name=context.name,
        durable_listeners=(DurableListener(SECURITY_EVENTS, audit.keep, "security"),),
        routes=(AuditController, EventController, DeadLetterController, BusController),
        provides={"audit": audit, "events": events, "letters": letters},
        operator_commands=(
            OperatorCommand("audit.events.history", operator.history),
            OperatorCommand("audit.events.chain", operator.chain),
            OperatorCommand("audit.events.replay", operator.replay),
            OperatorCommand("audit.letters.list", operator.dead_letters),
            OperatorCommand("audit.letters.retry", operator.retry),
            OperatorCommand("audit.letters.drop", operator.drop),
        ),
        operator_streams=(OperatorStream("audit.events.tail", operator.tail),),
    )
