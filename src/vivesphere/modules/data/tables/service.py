"""The use cases of tables: which there are, and making, changing and dropping those of people."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from vivesphere.kernel.cause import cause_for
from vivesphere.kernel.db.access import TableCatalog, TableDescription
from vivesphere.kernel.db.ddl import user_table
from vivesphere.kernel.db.errors import DatabaseError
from vivesphere.kernel.db.handle import DatabaseHandle, Unit
from vivesphere.kernel.db.kept_replies import IdempotencyKey
from vivesphere.kernel.errors import Refusal
from vivesphere.kernel.http.paging import Page, decode_cursor, encode_cursor
from vivesphere.kernel.lifetime import Lifetime
from vivesphere.modules.data import presentation
from vivesphere.modules.data.custom_table import CustomTable, Versions
from vivesphere.modules.data.errors import TableNameTaken, TableUnknown
from vivesphere.modules.data.schemas import TableChange, TableInput, TableView
from vivesphere.modules.data.settings import DataSettings
from vivesphere.modules.data.tables import rules

P = ParamSpec("P")
R = TypeVar("R")


class TableService:
    """Everything happens in the project of the running cause. The catalog is the policy in force: it shows what the engine
    enforces."""

    def __init__(
        self,
        catalog: TableCatalog,
        db: DatabaseHandle,
        refresh_access: Callable[[], Awaitable[None]],
        *,
        lifetime: Lifetime,
        settings: DataSettings,
    ) -> None:
        self._catalog = catalog
        self._db = db
        self._refresh_access = refresh_access
        self._lifetime = lifetime
        self._settings = settings

    def change(self, settings: DataSettings) -> None:
        """Other limits, from the next table on."""
        self._settings = settings

    async def list_tables(self, cursor: str | None, limit: int) -> Page[TableView]:
        """Tables by name: the server's, the plugins', and those of the project. InvalidInput for a cursor of another list."""
        after = decode_cursor(cursor, tuple[str, str]) or ("", "")
        custom = {table.stored_as: table for table in await self._db.read(rules.list_tables)}
        shown = sorted((_shown(each, custom), each) for each in self._catalog.describe() if _is_shown(each, custom))
        found = [(name, each) for name, each in shown if (name, each.name) > after][: limit + 1]
        counted = [custom[each.name] for _, each in found[:limit] if each.name in custom]
        records = await self._db.read(rules.count_records, counted) if counted else {}
        items = [_view(each, custom.get(each.name), records.get(name)) for name, each in found[:limit]]
        following = encode_cursor((found[limit - 1][0], found[limit - 1][1].name)) if len(found) > limit else None
        return Page(items=items, next_cursor=following)

    async def find_table(self, name: str) -> TableView:
        """A table of people by the name they gave it, any other by its own. Raises TableUnknown."""
        project = cause_for(self._db.principal).project
        for each in self._catalog.describe():
            if each.name == user_table(name) and each.project == project:
                table = await self._db.read(rules.find_table, name)
                records = await self._db.read(rules.count_records, [table])
                return presentation.custom(table, records.get(name))
        for each in self._catalog.describe():
            if each.name == name and each.access_level != "user":
                return presentation.known(each)
        raise TableUnknown(name)

    async def count_records(self, name: str) -> int:
        """How many records a table of people has. Raises TableUnknown."""
        table = await self._db.read(rules.find_table, name)
        return (await self._db.read(rules.count_records, [table])).get(name, 0)

    async def create_table(self, asked: TableInput, once: IdempotencyKey[TableView] | None = None) -> TableView:
        """Make a table. It can be used when this returns. Raises DefinitionInvalid, TableNameTaken or TooManyTables."""
        if any(each.name == asked.name for each in self._catalog.describe()):
            raise TableNameTaken(asked.name)
        return await self._define(once, rules.create_table, asked, self._settings)

    async def change_table(self, name: str, asked: TableChange, seen: Versions) -> TableView:
        """Raises TableUnknown, VersionOld, DefinitionInvalid or ValuesNotUnique."""
        return await self._define(None, rules.change_table, name, asked, seen, self._settings)

    async def drop_table(self, name: str, seen: Versions) -> None:
        """Drop a table, with all of its records and grants. Raises TableUnknown, VersionOld or TableReferred."""
        await self._define(None, rules.drop_table, name, seen)

    async def _define(
        self,
        once: IdempotencyKey[R] | None,
        rule: Callable[Concatenate[Unit, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """To its end, even if whoever asked goes away meanwhile: a table that is made has to come into force."""
        writing = self._db.write_once(once, rule, *args, **kwargs)
        task = self._lifetime.spawn(self._and_refresh(writing), name="definition of a table")
        made, refused = await asyncio.shield(task)
        if refused is not None:
            raise refused
        return made  # type: ignore[no-any-return]  # a task forgets what it returns

    async def _and_refresh(self, writing: Awaitable[R]) -> tuple[Any, Exception | None]:
        try:
            made = await writing
        except (Refusal, DatabaseError) as refused:
            # Handed over as a value: the lifetime would log it as the failure of a task that nobody awaits.
            return None, refused
        await self._refresh_access()
        return made, None


def _is_shown(table: TableDescription, custom: dict[str, CustomTable]) -> bool:
    return table.access_level != "user" or table.name in custom


def _shown(table: TableDescription, custom: dict[str, CustomTable]) -> str:
    return custom[table.name].name if table.name in custom else table.name


def _view(table: TableDescription, custom: CustomTable | None, records: int | None) -> TableView:
    return presentation.known(table) if custom is None else presentation.custom(custom, records)
