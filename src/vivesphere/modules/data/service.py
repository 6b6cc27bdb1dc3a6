"""What there is in the database, page by page."""

from vivesphere.kernel.db.access import TableCatalog, TableDescription
from vivesphere.kernel.http.paging import Page, decode_cursor, page


class TableService:
    """Reads the policy in force, so that it shows what the engine enforces."""

    def __init__(self, catalog: TableCatalog) -> None:
        self._catalog = catalog

    def list_tables(self, cursor: str | None, limit: int) -> Page[TableDescription]:
        """Tables by name. Raises InvalidInput for a cursor of another list."""
        after = decode_cursor(cursor, str) or ""
        found = [table for table in self._catalog.describe() if table.name > after]
        return page(found[: limit + 1], limit, lambda table: table.name)
