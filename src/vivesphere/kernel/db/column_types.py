"""The types that a column of a custom table can have: what a value may be, and how both databases keep it alike.

| type      | in JSON                                  | in the database                                             |
|-----------|------------------------------------------|-------------------------------------------------------------|
| text      | a string without U+0000                  | text, compared byte by byte on both databases               |
| integer   | a whole number of 64 bits                | 64 bits                                                     |
| number    | a finite number                          | 64 bits, IEEE 754                                           |
| boolean   | true or false                            | boolean                                                     |
| date      | `2026-01-05`                             | that text                                                   |
| datetime  | `2026-01-05T08:00:00Z`, zone required    | microseconds since 1970 UTC                                 |
| json      | anything but null                        | its JSON text                                               |
| reference | the id of a record                       | 36 characters, with a foreign key                           |
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Literal, get_args

import msgspec
import sqlalchemy as sa

from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.db.types import Id, Json, UtcTime

ColumnKind = Literal["text", "integer", "number", "boolean", "date", "datetime", "json", "reference"]

KINDS: tuple[ColumnKind, ...] = get_args(ColumnKind)

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_WHOLE = re.compile(r"[+-]?\d{1,19}")
_YES, _NO = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})

# PostgreSQL would compare by the language of its cluster, so that two installations sorted the same table differently.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


class ValueRefused(ValueError):
    """A value that its column cannot hold. The message is a clause that follows the column's name: "must be a whole number"."""


class ColumnType(msgspec.Struct, frozen=True, kw_only=True):
    """`read` turns a JSON value into what SQLAlchemy stores, `parse` a cell of CSV into a JSON value; both raise ValueRefused.
    `show` turns what SQLAlchemy gives back into a JSON value. `ordered`: values can be compared and sorted."""

    kind: str
    sql: Any
    read: Callable[[JSON], Any]
    parse: Callable[[str], JSON]
    show: Callable[[Any], JSON]
    ordered: bool = True


class Field(msgspec.Struct, frozen=True):
    """A column as filters and selections know it: where its values are, and what they are."""

    column: sa.Column[Any]
    type: ColumnType

    def read(self, value: JSON) -> Any:
        """None stays None."""
        return None if value is None else self.type.read(value)


Fields = Mapping[str, Field]


def _read_text(value: JSON) -> str:
    if not isinstance(value, str):
        raise ValueRefused("must be a text")
    if "\0" in value:
        raise ValueRefused("must not contain the character U+0000")
    return value


def _read_integer(value: JSON) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueRefused("must be a whole number")
    if not -(1 << 63) <= value < 1 << 63:
        raise ValueRefused("must fit into 64 bits")
    return value


def _read_number(value: JSON) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueRefused("must be a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueRefused("must be a finite number")
    return number


def _read_boolean(value: JSON) -> bool:
    if not isinstance(value, bool):
        raise ValueRefused("must be true or false")
    return value


def _read_date(value: JSON) -> str:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise ValueRefused("must be a date such as 2026-01-05")
    try:
        date.fromisoformat(value)
    except ValueError:
        raise ValueRefused("is no day of the calendar") from None
    return value


def _read_datetime(value: JSON) -> datetime:
    if isinstance(value, str):
        try:
            moment = msgspec.convert(value, datetime)
            if moment.tzinfo is not None:
                return moment.astimezone(UTC)
        except (msgspec.ValidationError, OverflowError):
            pass
    raise ValueRefused("must be a time with its zone, such as 2026-01-05T08:00:00Z")


def _read_json(value: JSON) -> JSON:
    return value


def _read_id(value: JSON) -> str:
    if isinstance(value, str) and _ID.fullmatch(value.lower()):
        return value.lower()
    raise ValueRefused("must be the id of a record: a UUID of 36 characters")


def _parse_integer(cell: str) -> JSON:
    if not _WHOLE.fullmatch(cell.strip()):
        raise ValueRefused("must be a whole number")
    return int(cell)


def _parse_number(cell: str) -> JSON:
    try:
        return float(cell)
    except ValueError:
        raise ValueRefused("must be a number") from None


def _parse_boolean(cell: str) -> JSON:
    said = cell.strip().lower()
    if said not in _YES | _NO:
        raise ValueRefused("must be true or false")
    return said in _YES


def _parse_json(cell: str) -> JSON:
    try:
        value: JSON = msgspec.json.decode(cell)
    except (msgspec.DecodeError, RecursionError):
        raise ValueRefused("must be JSON") from None
    return value


def _as_it_is(value: Any) -> Any:
    return value


def _stripped(cell: str) -> JSON:
    return cell.strip()


def _show_moment(moment: datetime) -> JSON:
    shown: str = msgspec.to_builtins(moment)
    return shown


_DATETIME = ColumnType(kind="datetime", sql=UtcTime, read=_read_datetime, parse=_stripped, show=_show_moment)

TYPES: Mapping[ColumnKind, ColumnType] = {
    "text": ColumnType(kind="text", sql=_TEXT, read=_read_text, parse=_as_it_is, show=_as_it_is),
    "integer": ColumnType(kind="integer", sql=sa.BigInteger(), read=_read_integer, parse=_parse_integer, show=_as_it_is),
    "number": ColumnType(kind="number", sql=sa.Double(), read=_read_number, parse=_parse_number, show=_as_it_is),
    "boolean": ColumnType(kind="boolean", sql=sa.Boolean(), read=_read_boolean, parse=_parse_boolean, show=_as_it_is),
    "date": ColumnType(
        kind="date",
        sql=sa.String(10).with_variant(sa.String(10, collation="C"), "postgresql"),
        read=_read_date,
        parse=_stripped,
        show=_as_it_is,
    ),
    "datetime": _DATETIME,
    "json": ColumnType(kind="json", sql=Json, read=_read_json, parse=_parse_json, show=_as_it_is, ordered=False),
    "reference": ColumnType(kind="reference", sql=Id, read=_read_id, parse=_stripped, show=_as_it_is),
}

SYSTEM_TYPES: Mapping[str, ColumnType] = {
    "id": ColumnType(kind="id", sql=Id, read=_read_id, parse=_stripped, show=_as_it_is),
    "version": TYPES["integer"],
    "created_at": _DATETIME,
    "updated_at": _DATETIME,
}
"""The columns that every table of records has beside its own."""
