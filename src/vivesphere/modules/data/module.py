"""The wiring of data."""

from vivesphere.contracts.data import (
    BackupCreated,
    BackupDeleted,
    BackupDownloaded,
    BackupFailed,
    DeleteRecord,
    FindRecords,
    GetRecord,
    ImportCompleted,
    ImportProgressed,
    PutRecord,
    RecordChanged,
    RecordCreated,
    RecordDeleted,
    TableChanged,
    TableCreated,
    TableDropped,
)
from vivesphere.kernel.module import Job, Module, ModuleContext, OperatorCommand, OperatorStream
from vivesphere.modules.data.access.controllers import AccessController
from vivesphere.modules.data.access.handlers import AccessHandlers
from vivesphere.modules.data.access.service import AccessService
from vivesphere.modules.data.backups.controllers import BackupController
from vivesphere.modules.data.backups.handlers import MaintenanceHandlers
from vivesphere.modules.data.backups.jobs import BackupSchedule
from vivesphere.modules.data.backups.service import BackupService
from vivesphere.modules.data.backups.settings import BackupSettings
from vivesphere.modules.data.records.allowance import Allowance
from vivesphere.modules.data.records.controllers import RecordController
from vivesphere.modules.data.records.handlers import RecordHandlers
from vivesphere.modules.data.records.service import RecordService
from vivesphere.modules.data.settings import DataSettings
from vivesphere.modules.data.sql.controllers import QueryController
from vivesphere.modules.data.sql.service import QueryService
from vivesphere.modules.data.sql.settings import SqlSettings
from vivesphere.modules.data.tables.controllers import TableController
from vivesphere.modules.data.tables.service import TableService
from vivesphere.modules.data.transfers.controllers import TransferController
from vivesphere.modules.data.transfers.service import TransferService


def build(context: ModuleContext) -> Module:
    backups = BackupService(context.backups, context.db)
    schedule = _schedule(context, backups)
    access = AccessService(context.principal, context.access, context.grants, context.history)
    settings = context.settings.section("data", DataSettings)
    tables = TableService(context.access, context.db, context.refresh_access, lifetime=context.lifetime, settings=settings)
    allowance = Allowance(settings.rows, tables.count_records)
    records = RecordService(context.access, context.db, allowance, settings)
    transfers = TransferService(context.bus, context.db, records, allowance, settings)
    context.settings.watch("data", DataSettings, tables.change)
    context.settings.watch("data", DataSettings, records.change)
    context.settings.watch("data", DataSettings, transfers.change)
    maintenance = MaintenanceHandlers(backups, context.maintenance)
    handlers = RecordHandlers(context.access, records)
    return Module(
        name=context.name,
        responders={
            DeleteRecord: handlers.delete,
            FindRecords: handlers.find,
            GetRecord: handlers.get,
            PutRecord: handlers.put,
        },
        publishes=(
            *(BackupCreated, BackupDeleted, BackupDownloaded, BackupFailed, ImportCompleted, ImportProgressed),
            *(RecordChanged, RecordCreated, RecordDeleted, TableChanged, TableCreated, TableDropped),
        ),
        routes=(TableController, RecordController, TransferController, AccessController, BackupController, QueryController),
        provides={"tables": tables, "records": records, "transfers": transfers}
        | {"table_access": access, "backups": backups, "queries": _queries(context)},
        operator_commands=(
            OperatorCommand("data.access.list", AccessHandlers(access).list_access),
            OperatorCommand("data.database.current", maintenance.current),
        ),
        operator_streams=(
            OperatorStream("data.database.check", maintenance.check),
            OperatorStream("data.database.vacuum", maintenance.vacuum),
            OperatorStream("data.backups.create", maintenance.back_up),
        ),
        jobs=(Job("backups", schedule.run),),
        health=schedule.health,
    )


def _schedule(context: ModuleContext, backups: BackupService) -> BackupSchedule:
    schedule = BackupSchedule(backups, context.settings.section("backup", BackupSettings), context.clock)
    context.settings.watch("backup", BackupSettings, schedule.change)
    return schedule


def _queries(context: ModuleContext) -> QueryService:
    queries = QueryService(context.principal, context.sql, context.settings.section("sql", SqlSettings))
    context.settings.watch("sql", SqlSettings, queries.change)
    return queries
