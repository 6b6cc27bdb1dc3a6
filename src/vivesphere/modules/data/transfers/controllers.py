"""The HTTP edge of imports and exports."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from litestar import Controller, Request, get, post
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.params import QueryParameter
from litestar.response import Stream

from vivesphere.kernel.http.authentication import requires
from vivesphere.kernel.http.idempotency import Key
from vivesphere.kernel.http.openapi import STREAMED_BODY, STREAMED_REPLY
from vivesphere.kernel.http.problems import Malformed
from vivesphere.modules.data.records.controllers import wanted_of
from vivesphere.modules.data.records.service import Wanted
from vivesphere.modules.data.schemas import Format, ImportReport
from vivesphere.modules.data.tables.controllers import TableName
from vivesphere.modules.data.transfers.service import TransferService

FileFormat = Annotated[Format, QueryParameter(name="format", description="`json` is one array of objects, `jsonl` one a line.")]

MEDIA_TYPES: dict[Format, str] = {"csv": "text/csv", "json": "application/json", "jsonl": "application/x-ndjson"}
REPLIES = {kind: {"type": "string"} for kind in MEDIA_TYPES.values()} | {
    "application/json": {"type": "array", "items": {"type": "object"}}
}


class TransferController(Controller):
    path = "/api/v1/data/tables/{name:str}"
    dependencies = {"wanted": Provide(wanted_of, sync_to_thread=False)}  # noqa: RUF012 - Litestar's spelling

    @post(
        "/import",
        guards=[requires("data.record.write")],
        status_code=200,
        # The service counts the bytes, by a limit of its own: the body is never in memory as a whole.
        request_max_body_size=None,
        opt={STREAMED_BODY: list(MEDIA_TYPES.values())},
    )
    async def import_records(
        self,
        request: Request[Any, Any, Any],
        transfers: TransferService,
        name: TableName,
        kind: FileFormat,
        idempotency_key: Key = None,
    ) -> ImportReport:
        """Make records of a file, and tell which lines were refused. Records come in batches, each whole or not at all; whoever
        is cut off sends the same file under the same key again, and no record is made twice. Progress is told as events."""
        return await transfers.import_records(name, kind, _pieces(request), idempotency_key)

    @get("/export", guards=[requires("data.record.read")], opt={STREAMED_REPLY: REPLIES})
    async def export_records(self, transfers: TransferService, name: TableName, kind: FileFormat, wanted: Wanted) -> Stream:
        """The records as a file, which can be imported again. It may be narrowed and put in order as the list of records."""
        file = await transfers.export(name, kind, wanted)
        headers = {"Content-Disposition": f'attachment; filename="{name}.{kind}"'}
        return Stream(file, media_type=MEDIA_TYPES[kind], headers=headers)


async def _pieces(request: Request[Any, Any, Any]) -> AsyncIterator[bytes]:
    try:
        async for piece in request.stream():
            yield piece
    except HTTPException as error:
        if error.status_code != 500:
            raise
        # The client went away while sending; nobody is there to read the answer, and it is no failure of ours.
        raise Malformed("The file ended before it was complete.") from None
