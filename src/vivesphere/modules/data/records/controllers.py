"""The HTTP edge of records."""

from typing import Annotated

from litestar import Controller, Response, delete, get, patch, post
from litestar.di import Provide
from litestar.params import Parameter, QueryParameter

from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.errors import FieldError, InvalidInput
from vivesphere.kernel.http.authentication import requires
from vivesphere.kernel.http.body import decode
from vivesphere.kernel.http.etags import IfMatch, tagged, versions_in
from vivesphere.kernel.http.idempotency import Asking
from vivesphere.kernel.http.paging import DEFAULT_LIMIT, Page, PageCursor, PageLimit
from vivesphere.kernel.http.problems import Malformed
from vivesphere.modules.data.records.service import RecordService, Wanted
from vivesphere.modules.data.schemas import Record, RecordsCreated, RecordsInput
from vivesphere.modules.data.tables.controllers import TableName

RecordId = Annotated[str, Parameter(max_length=36, description="The id of a record.")]
Filter = Annotated[
    str | None,
    QueryParameter(
        name="filter",
        max_length=3_000,
        description='A condition as JSON, such as `{"status": "open", "age": {"$gte": 18}}`. Operators: $eq, $ne, $gt, $gte, '
        "$lt, $lte, $in, $nin, $like, $ilike, $exists; $and, $or and $not join.",
    ),
]
Sort = Annotated[
    str,
    QueryParameter(
        max_length=400, description="Columns, `-` before one turns it round: `-created_at,name`. Else newest first."
    ),
]
Search = Annotated[str, QueryParameter(max_length=200, description="Words that all stand in texts of the record.")]


def wanted_of(condition: Filter = None, sort: Sort = "", search: Search = "") -> Wanted:
    """The dependency `wanted`: which records, as the query says. Raises InvalidInput for a filter that is no JSON."""
    return Wanted(filter=_read(condition), sort=sort, search=search)


class RecordController(Controller):
    path = "/api/v1/data/tables/{name:str}/records"
    dependencies = {"wanted": Provide(wanted_of, sync_to_thread=False)}  # noqa: RUF012 - Litestar's spelling

    @get(guards=[requires("data.record.read")])
    async def list_records(
        self,
        records: RecordService,
        name: TableName,
        wanted: Wanted,
        limit: PageLimit = DEFAULT_LIMIT,
        cursor: PageCursor = None,
    ) -> Page[Record]:
        """The records of a table, filtered, searched and in order."""
        return await records.list_records(name, wanted, cursor, limit)

    @post(guards=[requires("data.record.write")])
    async def create_record(self, records: RecordService, name: TableName, data: Record, asking: Asking) -> Response[Record]:
        """Make a record. The body is an object of columns; it may bring its own id."""
        record = await records.create_record(name, data, asking.once(Record))
        return tagged(record, record["version"])

    @post("/bulk", guards=[requires("data.record.write")])
    async def create_records(
        self, records: RecordService, name: TableName, data: RecordsInput, asking: Asking
    ) -> RecordsCreated:
        """Make many records, all of them or none."""
        return await records.create_records(name, data.records, asking.once(list[str]))

    @get("/{record_id:str}", guards=[requires("data.record.read")])
    async def get_record(self, records: RecordService, name: TableName, record_id: RecordId) -> Response[Record]:
        record = await records.find_record(name, record_id)
        return tagged(record, record["version"])

    @patch("/{record_id:str}", guards=[requires("data.record.write")])
    async def change_record(
        self, records: RecordService, name: TableName, record_id: RecordId, data: Record, if_match: IfMatch = None
    ) -> Response[Record]:
        """Change the columns that the body names, and no others."""
        record = await records.change_record(name, record_id, data, versions_in(if_match))
        return tagged(record, record["version"])

    @delete("/{record_id:str}", guards=[requires("data.record.write")])
    async def delete_record(
        self, records: RecordService, name: TableName, record_id: RecordId, if_match: IfMatch = None
    ) -> None:
        """Delete a record. One that others refer to stays, and the answer says who they are."""
        await records.delete_record(name, record_id, versions_in(if_match))


def _read(filter_text: str | None) -> JSON:
    if not filter_text:
        return None
    try:
        read: JSON = decode(filter_text.encode(), JSON)
    except Malformed:
        detail = 'must be JSON, such as {"status": "open"}'
        raise InvalidInput(f"The filter {detail}.", [FieldError("/filter", detail)]) from None
    return read
