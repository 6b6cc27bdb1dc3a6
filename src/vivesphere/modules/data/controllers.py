"""Tables over HTTP."""

from litestar import Controller, get

from vivesphere.kernel.db.access import TableDescription
from vivesphere.kernel.http.authentication import requires
from vivesphere.kernel.http.paging import DEFAULT_LIMIT, Page, PageCursor, PageLimit
from vivesphere.modules.data.service import TableService


class TableController(Controller):
    path = "/api/v1/data/tables"
    tags = ["Data"]  # noqa: RUF012 - Litestar's documented spelling
    guards = [requires("data.table.read")]  # noqa: RUF012 - the same

    @get(summary="List tables with owner, access level and columns", sync_to_thread=False)
    def list_tables(
        self, tables: TableService, limit: PageLimit = DEFAULT_LIMIT, cursor: PageCursor = None
    ) -> Page[TableDescription]:
        return tables.list_tables(cursor, limit)
