"""Tables over HTTP."""

from litestar import Controller, get

from vivesphere.kernel.db.access import TableDescription
from vivesphere.kernel.http.authentication import requires
from vivesphere.kernel.http.paging import DEFAULT_LIMIT, Page, PageCursor, PageLimit
from vivesphere.modules.data.service import TableService


class TableController(Controller):
    path = "/api/v1/data/tables"

    @get(guards=[requires("data.table.read")], sync_to_thread=False)
    def list_tables(
        self, tables: TableService, limit: PageLimit = DEFAULT_LIMIT, cursor: PageCursor = None
    ) -> Page[TableDescription]:
        """Every table with its owner, access level and columns."""
        return tables.list_tables(cursor, limit)
