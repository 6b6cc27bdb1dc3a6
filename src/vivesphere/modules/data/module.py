"""The wiring of data."""

from vivesphere.contracts.data import BackupCreated, BackupDeleted, BackupDownloaded, BackupFailed
from vivesphere.kernel.module import Job, Module, ModuleContext, OperatorCommand
from vivesphere.modules.data.access_controllers import AccessController
from vivesphere.modules.data.access_handlers import AccessHandlers
from vivesphere.modules.data.access_service import AccessService
from vivesphere.modules.data.backup_controllers import BackupController
from vivesphere.modules.data.backup_jobs import BackupSchedule
from vivesphere.modules.data.backup_service import BackupService
from vivesphere.modules.data.backup_settings import BackupSettings
from vivesphere.modules.data.controllers import TableController
from vivesphere.modules.data.service import TableService


def build(context: ModuleContext) -> Module:
    backups = BackupService(context.backups, context.db)
    schedule = BackupSchedule(backups, context.settings.section("backup", BackupSettings), context.clock)
    context.settings.watch("backup", BackupSettings, schedule.change)
    access = AccessService(context.principal, context.access, context.grants, context.history)
    return Module(
        name=context.name,
        publishes=(BackupCreated, BackupDeleted, BackupDownloaded, BackupFailed),
        routes=(TableController, AccessController, BackupController),
        provides={"tables": TableService(context.access), "table_access": access, "backups": backups},
        operator_commands=(OperatorCommand("data.access.list", AccessHandlers(access).list_access),),
        jobs=(Job("backups", schedule.run),),
        health=schedule.health,
    )
