"""Custom tables and records over HTTP. A record is an object of its columns' values; beside them the server gives it an `id`,
a `version` and two times."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.db.access import AccessLevel
from vivesphere.kernel.db.definition import Column, Index
from vivesphere.kernel.principals import Principal

BULK = 5_000
"""Records of one bulk request at most."""

Record = dict[str, Any]
Format = Literal["csv", "json", "jsonl"]
Description = Annotated[str, Meta(max_length=1000)]


class IndexInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    columns: Annotated[tuple[str, ...], Meta(min_length=1, examples=[["name", "created_at"]])]
    unique: bool = False


class TableInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new table. `name` is of lower-case words of letters and digits, joined by single underscores."""

    name: Annotated[str, Meta(examples=["leads"])]
    columns: Annotated[
        tuple[Column, ...],
        Meta(max_length=1000, examples=[[{"name": "email", "type": "text", "required": True, "unique": True}]]),
    ]
    indexes: Annotated[tuple[IndexInput, ...], Meta(max_length=100)] = ()
    description: Description = ""


class TableChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to change, in this order: what is dropped goes, columns get their new names (`rename_columns` is old name to
    new), and what is added comes."""

    description: Description | None = None
    drop_indexes: Annotated[tuple[str, ...], Meta(max_length=100)] = ()
    drop_columns: Annotated[tuple[str, ...], Meta(max_length=1000)] = ()
    rename_columns: dict[str, str] = {}
    add_columns: Annotated[tuple[Column, ...], Meta(max_length=1000)] = ()
    add_indexes: Annotated[tuple[IndexInput, ...], Meta(max_length=100)] = ()


class ColumnView(msgspec.Struct, frozen=True, kw_only=True):
    """A column. Of a table that people made, `type` is one of text, integer, number, boolean, date, datetime, json and
    reference; `references` names the table that a reference leads to."""

    name: str
    type: str
    required: bool = False
    unique: bool = False
    default: JSON = None
    references: str | None = None


class TableView(msgspec.Struct, frozen=True, kw_only=True):
    """A table. Of one that people made (`access_level` is `user`) `name` is the name they gave it, and what follows `columns`
    is filled in; every such table also has the columns `id`, `version`, `created_at` and `updated_at`."""

    name: str
    access_level: AccessLevel
    owner: Principal
    is_system: bool
    project: str | None
    columns: tuple[ColumnView, ...]
    description: str = ""
    indexes: tuple[Index, ...] = ()
    records: int | None = None
    version: int | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class RecordsInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    records: Annotated[list[Record], Meta(min_length=1, max_length=BULK)]


class RecordsCreated(msgspec.Struct, frozen=True, kw_only=True):
    """The ids are in the order of the records that were sent."""

    created: int
    ids: Sequence[str]


class RefusedLine(msgspec.Struct, frozen=True, kw_only=True):
    """`line` counts from 1; a record of several lines is named by its first one."""

    line: int
    problem: str


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a file. `refused` names the first lines that were refused, `refused_total` counts them all. Without
    `complete` the reading ended at the last line that is named."""

    imported: int
    refused: Sequence[RefusedLine] = ()
    refused_total: int = 0
    complete: bool = True
