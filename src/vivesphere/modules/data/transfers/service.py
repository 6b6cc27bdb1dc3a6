"""The use cases of whole files: records in and out, piece by piece."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from typing import TypeVar

import msgspec

from vivesphere.contracts.data import ImportCompleted, ImportProgressed
from vivesphere.kernel.bus.handle import BusHandle
from vivesphere.kernel.db.handle import DatabaseHandle
from vivesphere.kernel.db.kept_replies import IdempotencyKey
from vivesphere.kernel.errors import FieldError, InvalidInput
from vivesphere.kernel.ids import new_id
from vivesphere.modules.data.custom_table import CustomTable
from vivesphere.modules.data.errors import RecordsContradict, TableFull
from vivesphere.modules.data.records.allowance import Allowance
from vivesphere.modules.data.records.service import RecordService, Wanted
from vivesphere.modules.data.schemas import Format, ImportReport, RefusedLine
from vivesphere.modules.data.settings import DataSettings
from vivesphere.modules.data.tables import rules as table_rules
from vivesphere.modules.data.transfers import formats, rules
from vivesphere.modules.data.transfers.formats import Line, Unreadable
from vivesphere.modules.data.transfers.rules import BatchReport

R = TypeVar("R")

BATCH = 500
BATCH_BYTES = 1 << 20
"""A batch is one unit of work; it ends at so many lines, or with the line that brings it to so many bytes."""

PAGE = 500
"""Records that an export reads at once."""

TOLD = 1000
"""Lines that a report names."""


class TransferService:
    def __init__(
        self, bus: BusHandle, db: DatabaseHandle, records: RecordService, allowance: Allowance, settings: DataSettings
    ) -> None:
        self._bus = bus
        self._db = db
        self._records = records
        self._allowance = allowance
        self._settings = settings

    def change(self, settings: DataSettings) -> None:
        """Other limits, from the next file on."""
        self._settings = settings

    async def import_records(
        self, name: str, kind: Format, pieces: AsyncIterator[bytes], key: str | None = None
    ) -> ImportReport:
        """Make records of a file. Each batch is in the table whole or not at all, and stays there whatever comes after it.

        Under a key each batch is written once: whoever was cut off sends the same file again, and what was written before is
        only reported. Raises TableUnknown, or InvalidInput for a file of which nothing can be read.
        """
        self._records.check(name)
        table = await self._db.read(table_rules.find_table, name)
        coming = Import(table, key)
        try:
            async for batch in self._batches(coming, formats.reader_of(kind, table.shape), pieces):
                await self._write(coming, batch)
                await self._bus.publish(coming.progress())
        except Unreadable as end:
            if not coming.imported and not coming.refused_total:
                raise InvalidInput(f"The file cannot be read: {end}.", [FieldError(f"/line/{end.line}", end.detail)]) from None
            coming.stop(end.line, end.detail)
        await self._db.write_once(coming.once("end", b"", bool), rules.complete_import, coming.completed())
        return coming.report()

    async def export(self, name: str, kind: Format, wanted: Wanted) -> AsyncIterator[bytes]:
        """The file, piece by piece. What is wrong with the question is raised before the first one is asked for."""
        pages = self._records.pages(name, wanted, PAGE)
        shape, records = await anext(pages)

        async def file() -> AsyncIterator[bytes]:
            yield formats.opening(kind, shape) + formats.body(kind, records, shape, first=True)
            async for _, more in pages:
                yield formats.body(kind, more, shape, first=False)
            yield formats.closing(kind)

        return file()

    async def _batches(
        self, coming: "Import", reader: formats.Reader, pieces: AsyncIterator[bytes]
    ) -> AsyncIterator[list[Line]]:
        """Always the same ones of the same file, however it comes in pieces."""
        batch: list[Line] = []
        size = 0
        async for line in self._lines(coming, reader, pieces):
            batch.append(line)
            size += line.size
            if len(batch) >= BATCH or size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch
        if coming.unreadable is not None:
            raise coming.unreadable

    async def _lines(self, coming: "Import", reader: formats.Reader, pieces: AsyncIterator[bytes]) -> AsyncIterator[Line]:
        most = self._settings.import_bytes
        async for piece in pieces:
            # Never more of it than may be: what is read of a file that is too large does not hang on its pieces.
            taken = piece[: most - coming.bytes]
            coming.bytes += len(taken)
            for line in await asyncio.to_thread(_readable, coming, reader.feed(taken)):
                yield line
            if coming.unreadable is None and len(taken) < len(piece):
                detail = f"the file is larger than {most:,} bytes (setting data.import_bytes)"
                coming.unreadable = Unreadable(coming.last_line, detail)
            if coming.unreadable is not None:
                return
        for line in _readable(coming, reader.end()):
            yield line

    async def _write(self, coming: "Import", batch: list[Line]) -> None:
        once = coming.once(str(coming.batches), msgspec.json.encode(batch), BatchReport)
        done = await self._db.answered(once)
        if done is None:
            try:
                await self._allowance.take(coming.table.name, len(batch))
            except TableFull as full:
                raise Unreadable(batch[0].number, full.detail) from None
            done = await self._carry_out(coming, batch, once)
        coming.add(done)

    async def _carry_out(self, coming: "Import", batch: list[Line], once: IdempotencyKey[BatchReport] | None) -> BatchReport:
        asked = (coming.table.id, coming.table.name, batch, self._settings.value_bytes)
        try:
            return await self._db.write_once(once, rules.import_batch, *asked)
        except RecordsContradict:
            # Somebody else's record came between the check and the insert; now it is there to be seen.
            return await self._db.write_once(once, rules.import_batch, *asked)


class Import:
    """One file on its way into a table: what became of it so far."""

    def __init__(self, table: CustomTable, key: str | None) -> None:
        self.id = new_id()
        self.table = table
        self.imported = 0
        self.batches = 0
        self.bytes = 0
        self.last_line = 1
        self.unreadable: Unreadable | None = None
        self.refused: list[RefusedLine] = []
        self.refused_total = 0
        self._key = None if key is None else hashlib.sha256(key.encode()).hexdigest()
        self._complete = True

    def once(self, part: str, asked: bytes, reply: type[R]) -> IdempotencyKey[R] | None:
        """The key of one of its units of work. It is of this very table, not of another one that has its name later."""
        if self._key is None:
            return None
        return IdempotencyKey(f"{self._key} {part}", asked, reply, f"import {self.table.id}")

    def add(self, batch: BatchReport) -> None:
        self.batches += 1
        self.imported += batch.imported
        self.refused_total += len(batch.refused)
        self.refused += batch.refused[: TOLD - len(self.refused)]

    def stop(self, line: int, problem: str) -> None:
        """The reading has ended at this line, which the report names whatever else it has to name."""
        self._complete = False
        self.refused_total += 1
        self.refused.append(RefusedLine(line=line, problem=problem))

    def progress(self) -> ImportProgressed:
        return ImportProgressed(
            import_id=self.id,
            table=self.table.name,
            imported=self.imported,
            refused=self.refused_total,
            bytes=self.bytes,
        )

    def completed(self) -> ImportCompleted:
        return ImportCompleted(
            import_id=self.id,
            table=self.table.name,
            imported=self.imported,
            refused=self.refused_total,
            bytes=self.bytes,
            complete=self._complete,
        )

    def report(self) -> ImportReport:
        return ImportReport(
            imported=self.imported, refused=self.refused, refused_total=self.refused_total, complete=self._complete
        )


def _readable(coming: Import, lines: Iterator[Line]) -> list[Line]:
    """What can be read; what ends the reading is kept until those lines are written."""
    found: list[Line] = []
    try:
        for line in lines:
            found.append(line)
            coming.last_line = line.number
    except Unreadable as end:
        coming.unreadable = end
    return found
