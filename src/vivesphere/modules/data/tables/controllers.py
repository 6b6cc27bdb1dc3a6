"""The HTTP edge of tables."""

from typing import Annotated

from litestar import Controller, Response, delete, get, patch, post
from litestar.params import Parameter

from vivesphere.kernel.http.authentication import requires
from vivesphere.kernel.http.etags import IfMatch, tagged, versions_in
from vivesphere.kernel.http.idempotency import Asking
from vivesphere.kernel.http.paging import DEFAULT_LIMIT, Page, PageCursor, PageLimit
from vivesphere.modules.data.schemas import TableChange, TableInput, TableView
from vivesphere.modules.data.tables.service import TableService

TableName = Annotated[str, Parameter(max_length=63, description="The name of a table.")]


class TableController(Controller):
    path = "/api/v1/data/tables"

    @get(guards=[requires("data.table.read")])
    async def list_tables(
        self, tables: TableService, limit: PageLimit = DEFAULT_LIMIT, cursor: PageCursor = None
    ) -> Page[TableView]:
        """Every table with its owner, access level and columns: the server's, the plugins', and those of the project."""
        return await tables.list_tables(cursor, limit)

    @post(guards=[requires("data.table.write")])
    async def create_table(self, tables: TableService, data: TableInput, asking: Asking) -> Response[TableView]:
        """Make a table. Everything that is wrong with it is told at once."""
        table = await tables.create_table(data, asking.once(TableView))
        return tagged(table, table.version)

    @get("/{name:str}", guards=[requires("data.table.read")])
    async def get_table(self, tables: TableService, name: TableName) -> Response[TableView]:
        """One table: of people by the name they gave it, any other by its own."""
        table = await tables.find_table(name)
        return tagged(table, table.version)

    @patch("/{name:str}", guards=[requires("data.table.write")])
    async def change_table(
        self, tables: TableService, name: TableName, data: TableChange, if_match: IfMatch = None
    ) -> Response[TableView]:
        """Change a table that people made, all of it or nothing. Records keep what they have in the columns that stay."""
        table = await tables.change_table(name, data, versions_in(if_match))
        return tagged(table, table.version)

    @delete("/{name:str}", guards=[requires("data.table.write")])
    async def drop_table(self, tables: TableService, name: TableName, if_match: IfMatch = None) -> None:
        """Drop a table that people made, with all of its records."""
        await tables.drop_table(name, versions_in(if_match))
