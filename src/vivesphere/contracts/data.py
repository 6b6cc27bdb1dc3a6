"""Tables that people made, their records, and backups."""

from typing import Any

import msgspec

from vivesphere.kernel.bus.messages import JSON, Event, Request

Record = dict[str, Any]
"""A record: the values of its columns, beside `id`, `version`, `created_at` and `updated_at`."""


class DataRefused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """Nothing was done. `reason` is `not_found`, `not_permitted`, `invalid` or `conflict`."""

    reason: str
    detail: str


class RecordsFound(msgspec.Struct, frozen=True, kw_only=True, tag="found"):
    """`cursor` asks for what comes after them; None at the end."""

    records: tuple[Record, ...]
    cursor: str | None = None


class RecordKept(msgspec.Struct, frozen=True, kw_only=True, tag="kept"):
    """The record as it is in the table."""

    record: Record


class RecordGone(msgspec.Struct, frozen=True, kw_only=True, tag="gone"):
    """There was such a record, and it is deleted."""


class FindRecords(Request[RecordsFound | DataRefused]):
    """Records of a table in the project of the cause. `filter`, `sort` and `search` are as over HTTP, `limit` is at
    most 200."""

    topic = "data.record.find"
    permission = "data.record.read"
    table: str
    filter: JSON = None
    sort: str = ""
    search: str = ""
    limit: int = 50
    cursor: str | None = None


class GetRecord(Request[RecordKept | DataRefused]):
    topic = "data.record.get"
    permission = "data.record.read"
    table: str
    record_id: str


class PutRecord(Request[RecordKept | DataRefused]):
    """Without a `record_id` make a record; with one change the columns that `record` has. `version` is the one that was seen:
    if the record has another one, nothing is done."""

    topic = "data.record.put"
    permission = "data.record.write"
    table: str
    record: Record
    record_id: str | None = None
    version: int | None = None


class DeleteRecord(Request[RecordGone | DataRefused]):
    """`version` is as in PutRecord."""

    topic = "data.record.delete"
    permission = "data.record.write"
    table: str
    record_id: str
    version: int | None = None


class TableCreated(Event, durable=True):
    """`table_id` tells two tables apart that had one name after each other."""

    topic = "data.table.created"
    permission = "data.table.read"
    table: str
    table_id: str


class TableChanged(Event, durable=True):
    topic = "data.table.changed"
    permission = "data.table.read"
    table: str
    table_id: str
    version: int


class TableDropped(Event, durable=True):
    topic = "data.table.dropped"
    permission = "data.table.read"
    table: str
    table_id: str


class RecordCreated(Event, durable=True):
    """Of each record, unless it came with an import, which tells of all of them at once. Ask for its values with GetRecord."""

    topic = "data.record.created"
    permission = "data.record.read"
    table: str
    record_id: str


class RecordChanged(Event, durable=True):
    """`columns` are those that have another value."""

    topic = "data.record.changed"
    permission = "data.record.read"
    table: str
    record_id: str
    version: int
    columns: tuple[str, ...]


class RecordDeleted(Event, durable=True):
    topic = "data.record.deleted"
    permission = "data.record.read"
    table: str
    record_id: str


class ImportProgressed(Event):
    """So many records are in the table by now, so many lines were refused, so many bytes are read."""

    topic = "data.import.progressed"
    permission = "data.record.read"
    import_id: str
    table: str
    imported: int
    refused: int
    bytes: int


class ImportCompleted(Event, durable=True):
    """Without `complete` the reading ended early: in the middle of the file something could not be read."""

    topic = "data.import.completed"
    permission = "data.record.read"
    import_id: str
    table: str
    imported: int
    refused: int
    bytes: int
    complete: bool


class BackupCreated(Event, durable=True):
    """`reason` is `manual` or `scheduled`; what was copied first is in `bytes`."""

    topic = "data.backup.created"
    permission = "data.backup.read"
    name: str
    reason: str
    bytes: int
    encrypted: bool


class BackupDownloaded(Event, durable=True):
    """Somebody began to fetch the file: with it they have all that is in the database."""

    topic = "data.backup.downloaded"
    permission = "data.backup.read"
    name: str


class BackupDeleted(Event, durable=True):
    """By a person, or as the oldest of those that are kept."""

    topic = "data.backup.deleted"
    permission = "data.backup.read"
    name: str


class BackupFailed(Event, durable=True):
    """No backup was made; `detail` says why, in a sentence."""

    topic = "data.backup.failed"
    permission = "data.backup.read"
    reason: str
    detail: str
