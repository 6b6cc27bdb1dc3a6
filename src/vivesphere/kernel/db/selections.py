"""Which records of a table, in which order, and from where on: a filter, a search, a sort, and keyset paging.

A page goes on after a *position*: the values of the sort keys of the last record seen. So it stays right while records come and
go, and the thousandth page costs what the first one does. An empty value sorts before every other one on both databases, as
SQLite's indexes have it. The id ends every order, so that it is total.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.db.column_types import Field, Fields, ValueRefused
from vivesphere.kernel.db.filters import Condition, condition
from vivesphere.kernel.errors import FieldError, InvalidInput

MOST_KEYS = 5
MOST_WORDS = 10
LONGEST_SEARCH = 200
NEWEST_FIRST = "-id"

Position = tuple[JSON, ...]
"""The values of the sort keys, as JSON values."""


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for: `filter` is in the language of `filters`, `sort` names columns, `-` before one turns it round; every
    word of `search` stands in some text of the record. Records come after the position `after`."""

    filter: JSON = None
    sort: str = NEWEST_FIRST
    search: str = ""
    after: Position | None = None


class Key(msgspec.Struct, frozen=True):
    """One key of an order."""

    name: str
    field: Field
    descending: bool

    def order(self) -> sa.UnaryExpression[Any]:
        column = self.field.column
        return column.desc().nulls_last() if self.descending else column.asc().nulls_first()

    def same(self, value: Any) -> Condition:
        return self.field.column.is_(None) if value is None else self.field.column == value

    def beyond(self, value: Any) -> Condition:
        """What comes after a record that has this value."""
        column = self.field.column
        if value is None:
            return sa.false() if self.descending else column.is_not(None)
        # As a parameter: SQLAlchemy compares nothing with a bare True.
        mark = sa.literal(value, column.type)
        return sa.or_(column < mark, column.is_(None)) if self.descending else column > mark


def selected(statement: sa.Select[Any], fields: Fields, asked: Selection) -> sa.Select[Any]:
    """The statement, narrowed and put in order. Raises InvalidInput, FilterInvalid for the filter."""
    keys = sort_keys(asked.sort, fields)
    if asked.filter is not None:
        statement = statement.where(condition(asked.filter, fields))
    if asked.search:
        statement = statement.where(_found(asked.search, fields))
    if asked.after is not None:
        statement = statement.where(_after(keys, asked.after))
    return statement.order_by(*(key.order() for key in keys))


def sort_keys(sort: str, fields: Fields) -> tuple[Key, ...]:
    """The keys of an order, the id among them."""
    keys: list[Key] = []
    for part in filter(None, (part.strip() for part in sort.split(","))):
        name = part.removeprefix("-")
        field = fields.get(name)
        if field is None or not field.type.ordered:
            raise _sort_invalid(f"cannot be by {name!r}: name columns that are not json, such as -created_at,name")
        if any(key.name == name for key in keys):
            raise _sort_invalid(f"names {name!r} twice")
        keys.append(Key(name, field, part.startswith("-")))
    if len(keys) > MOST_KEYS:
        raise _sort_invalid(f"has at most {MOST_KEYS} columns")
    if all(key.name != "id" for key in keys):
        keys.append(Key("id", fields["id"], descending=bool(keys) and keys[-1].descending))
    return tuple(keys)


def position(keys: Sequence[Key], record: dict[str, JSON]) -> Position:
    """Where the record stands in the order, for whoever asks for what comes after it."""
    return tuple(record[key.name] for key in keys)


def _after(keys: Sequence[Key], after: Position) -> Condition:
    """Equal in the first keys and beyond in the next one, for each key."""
    if len(after) != len(keys):
        raise _cursor_invalid()
    try:
        values = [key.field.read(value) for key, value in zip(keys, after, strict=True)]
    except ValueRefused:
        raise _cursor_invalid() from None
    alternatives = []
    for number, key in enumerate(keys):
        same = [each.same(value) for each, value in zip(keys[:number], values, strict=False)]
        alternatives.append(sa.and_(*same, key.beyond(values[number])))
    return sa.or_(*alternatives)


def _found(search: str, fields: Fields) -> Condition:
    words = search.split()
    if len(search) > LONGEST_SEARCH or len(words) > MOST_WORDS or "\0" in search:
        detail = f"has at most {LONGEST_SEARCH} characters and {MOST_WORDS} words"
        raise InvalidInput(f"The search {detail}.", [FieldError("/search", detail)])
    texts = [field.column for field in fields.values() if field.type.kind == "text"]
    return sa.and_(
        sa.true(), *(sa.or_(sa.false(), *(text.icontains(word, autoescape=True) for text in texts)) for word in words)
    )


def _sort_invalid(detail: str) -> InvalidInput:
    return InvalidInput(f"The order {detail}.", [FieldError("/sort", detail)])


def _cursor_invalid() -> InvalidInput:
    detail = "is of another list or another order; leave it out for the first page"
    return InvalidInput(f"The cursor {detail}.", [FieldError("/cursor", detail)])
