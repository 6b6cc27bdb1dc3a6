"""The bus edge of records: for plans, and for plugins whom a person has granted a table."""

from vivesphere.contracts.data import (
    DataRefused,
    DeleteRecord,
    FindRecords,
    GetRecord,
    PutRecord,
    RecordGone,
    RecordKept,
    RecordsFound,
)
from vivesphere.kernel import principals
from vivesphere.kernel.cause import current_cause
from vivesphere.kernel.db.access import Action, TableCatalog
from vivesphere.kernel.db.ddl import user_table
from vivesphere.kernel.errors import Conflict, NotFound, PermissionMissing, Refusal
from vivesphere.kernel.http.paging import MAX_LIMIT
from vivesphere.modules.data.custom_table import Versions
from vivesphere.modules.data.errors import TableNotGranted
from vivesphere.modules.data.records.service import RecordService, Wanted


class RecordHandlers:
    """Refusals become replies: who asks gets a sentence, not an exception.

    That the asker holds the permission of a request the bus has seen to; a plugin also needs the grant of the very table,
    whoever it acts for.
    """

    def __init__(self, catalog: TableCatalog, records: RecordService) -> None:
        self._catalog = catalog
        self._records = records

    async def find(self, asked: FindRecords) -> RecordsFound | DataRefused:
        wanted = Wanted(filter=asked.filter, sort=asked.sort, search=asked.search)
        limit = max(1, min(asked.limit, MAX_LIMIT))
        try:
            self._check_grant("read", asked.table)
            page = await self._records.list_records(asked.table, wanted, asked.cursor, limit)
        except Refusal as refused:
            return _refused(refused)
        return RecordsFound(records=tuple(page.items), cursor=page.next_cursor)

    async def get(self, asked: GetRecord) -> RecordKept | DataRefused:
        try:
            self._check_grant("read", asked.table)
            return RecordKept(record=await self._records.find_record(asked.table, asked.record_id))
        except Refusal as refused:
            return _refused(refused)

    async def put(self, asked: PutRecord) -> RecordKept | DataRefused:
        try:
            self._check_grant("write", asked.table)
            if asked.record_id is None:
                return RecordKept(record=await self._records.create_record(asked.table, asked.record))
            seen = _seen(asked.version)
            return RecordKept(record=await self._records.change_record(asked.table, asked.record_id, asked.record, seen))
        except Refusal as refused:
            return _refused(refused)

    async def delete(self, asked: DeleteRecord) -> RecordGone | DataRefused:
        try:
            self._check_grant("write", asked.table)
            await self._records.delete_record(asked.table, asked.record_id, _seen(asked.version))
        except Refusal as refused:
            return _refused(refused)
        return RecordGone()

    def _check_grant(self, action: Action, table: str) -> None:
        cause = current_cause()
        for who in (cause.actor, cause.source) if cause is not None else ():
            if principals.kind(who) == "plugin" and not self._catalog.can(who, action, user_table(table)):
                raise TableNotGranted(who, action, table)


def _seen(version: int | None) -> Versions:
    return None if version is None else frozenset({version})


def _refused(refused: Refusal) -> DataRefused:
    detail = " ".join([refused.detail, *(f"{each.pointer}: {each.detail}." for each in refused.errors)])
    match refused:
        case NotFound():
            reason = "not_found"
        case PermissionMissing():
            reason = "not_permitted"
        case Conflict():
            reason = "conflict"
        case _:
            reason = "conflict" if refused.status == 412 else "invalid"
    return DataRefused(reason=reason, detail=detail)
