"""The use cases of records. Everything happens in the project of the running cause."""

from collections.abc import AsyncIterator, Sequence

import msgspec

from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.db.access import TableCatalog
from vivesphere.kernel.db.ddl import user_table
from vivesphere.kernel.db.handle import DatabaseHandle
from vivesphere.kernel.db.kept_replies import IdempotencyKey
from vivesphere.kernel.db.selections import NEWEST_FIRST, Position, Selection, position, sort_keys
from vivesphere.kernel.db.shape import Shape
from vivesphere.kernel.errors import FieldError, InvalidInput
from vivesphere.kernel.http.paging import Page, decode_cursor, encode_cursor
from vivesphere.modules.data.custom_table import Versions
from vivesphere.modules.data.errors import TableUnknown
from vivesphere.modules.data.records import rules
from vivesphere.modules.data.records.allowance import Allowance
from vivesphere.modules.data.schemas import Record, RecordsCreated
from vivesphere.modules.data.settings import DataSettings


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which records, as people say it. An empty `sort` is newest first."""

    filter: JSON = None
    sort: str = ""
    search: str = ""


class RecordService:
    def __init__(self, catalog: TableCatalog, db: DatabaseHandle, allowance: Allowance, settings: DataSettings) -> None:
        self._catalog = catalog
        self._db = db
        self._allowance = allowance
        self._settings = settings

    def change(self, settings: DataSettings) -> None:
        """Other limits, from the next record on."""
        self._settings = settings
        self._allowance.change(settings.rows)

    async def list_records(self, table: str, wanted: Wanted, cursor: str | None, limit: int) -> Page[Record]:
        """Raises TableUnknown, or InvalidInput for what the table cannot answer."""
        self.check(table)
        asked = _selection(wanted, _position_in(cursor, wanted.sort))
        shape, found = await self._db.read(rules.list_records, table, asked, limit + 1)
        items = found[:limit]
        return Page(items=items, next_cursor=_cursor(shape, asked, items[-1]) if len(found) > limit else None)

    async def find_record(self, table: str, record_id: str) -> Record:
        """Raises TableUnknown or RecordUnknown."""
        self.check(table)
        return await self._db.read(rules.find_record, table, record_id)

    async def create_record(self, table: str, given: Record, once: IdempotencyKey[Record] | None = None) -> Record:
        """Raises TableUnknown, RecordInvalid, ValuesTaken, TableFull or RecordsContradict."""
        self.check(table)
        if (known := await self._db.answered(once)) is not None:
            return known
        await self._allowance.take(table, 1)
        return await self._db.write_once(once, rules.create_record, table, given, self._settings.value_bytes)

    async def create_records(
        self, table: str, given: Sequence[Record], once: IdempotencyKey[list[str]] | None = None
    ) -> RecordsCreated:
        """All of them or none. Raises what `create_record` does."""
        self.check(table)
        ids = await self._db.answered(once)
        if ids is None:
            await self._allowance.take(table, len(given))
            ids = await self._db.write_once(once, rules.create_records, table, given, self._settings.value_bytes)
        return RecordsCreated(created=len(ids), ids=ids)

    async def change_record(self, table: str, record_id: str, given: Record, seen: Versions) -> Record:
        """Raises TableUnknown, RecordUnknown, VersionOld, RecordInvalid, ValuesTaken or RecordsContradict."""
        self.check(table)
        return await self._db.write(rules.change_record, table, record_id, given, seen, value_bytes=self._settings.value_bytes)

    async def delete_record(self, table: str, record_id: str, seen: Versions) -> None:
        """Raises TableUnknown, RecordUnknown, VersionOld or RecordReferred."""
        self.check(table)
        await self._db.write(rules.delete_record, table, record_id, seen)

    async def pages(self, table: str, wanted: Wanted, size: int) -> AsyncIterator[tuple[Shape, list[Record]]]:
        """Every record, page by page: each page is of one moment, the next one of a later one. There is one page at least."""
        self.check(table)
        asked = _selection(wanted, None)
        while True:
            shape, found = await self._db.read(rules.list_records, table, asked, size)
            yield shape, found
            if len(found) < size:
                return
            keys = sort_keys(asked.sort, shape.fields)
            asked = msgspec.structs.replace(asked, after=position(keys, found[-1]))

    def check(self, table: str) -> None:
        """Raises TableUnknown. A table that is made this moment is not in force yet; to touch it would be a trespass."""
        if not self._catalog.can(self._db.principal, "read", user_table(table)):
            raise TableUnknown(table)


def _selection(wanted: Wanted, after: Position | None) -> Selection:
    return Selection(filter=wanted.filter, sort=wanted.sort or NEWEST_FIRST, search=wanted.search, after=after)


def _position_in(cursor: str | None, sort: str) -> Position | None:
    """A cursor keeps the order that it is of, so that it is not taken for a place in another one."""
    kept = decode_cursor(cursor, tuple[str, list[bool | int | float | str | None]])
    if kept is None:
        return None
    if kept[0] != (sort or NEWEST_FIRST):
        detail = "is of another order; leave it out for the first page"
        raise InvalidInput(f"The cursor {detail}.", [FieldError("/cursor", detail)])
    return tuple(kept[1])


def _cursor(shape: Shape, asked: Selection, last: Record) -> str:
    keys = sort_keys(asked.sort, shape.fields)
    return encode_cursor((asked.sort, position(keys, last)))
