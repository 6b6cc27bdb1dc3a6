"""The filter language of records: JSON in, one SQL condition out, every value read by its column's type.

`{"status": "open", "age": {"$gte": 18}, "$or": [{"name": {"$ilike": "a%"}}, {"email": {"$exists": false}}]}`

A member names a column and what holds for it, or one of `$and`, `$or` (lists) and `$not`; all members hold together. A value by
itself means `$eq`. Null is a value of its own: `$ne` and `$nin` are true of what is empty, `$not` where its filter is not.
In the patterns of `$like` and `$ilike`, `%` stands for any text, `_` for any character, `\\` before either for itself.
"""

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.db.column_types import Field, Fields, ValueRefused
from vivesphere.kernel.errors import FieldError, InvalidInput
from vivesphere.kernel.field_errors import escaped

DEEPEST = 10
MOST_CONDITIONS = 100
MOST_CHOICES = 500
LONGEST_PATTERN = 200

Condition = sa.ColumnElement[bool]


class FilterInvalid(InvalidInput):
    """`pointer` leads into the filter."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(f"The filter is not valid: {pointer or 'it'}: {detail}.", [FieldError(f"/filter{pointer}", detail)])


def condition(document: JSON, fields: Fields) -> Condition:
    """The SQL condition of a filter. Raises FilterInvalid with the place of the first mistake."""
    return _Reader(fields).whole(document, "", 1)


class _Reader:
    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._conditions = 0

    def whole(self, document: JSON, at: str, depth: int) -> Condition:
        if not isinstance(document, dict):
            raise FilterInvalid(at, "must be an object whose members are columns")
        if depth > DEEPEST:
            raise FilterInvalid(at, f"is nested more than {DEEPEST} levels deep")
        return sa.and_(sa.true(), *(self._member(name, value, at, depth) for name, value in document.items()))

    def _member(self, name: str, value: JSON, at: str, depth: int) -> Condition:
        at = f"{at}/{escaped(name)}"
        if name in ("$and", "$or"):
            if not isinstance(value, list) or not value:
                raise FilterInvalid(at, "must be a list of filters")
            parts = [self.whole(each, f"{at}/{number}", depth + 1) for number, each in enumerate(value)]
            return sa.and_(*parts) if name == "$and" else sa.or_(*parts)
        if name == "$not":
            # Where a part is unknown because of a null, the filter does not hold, so its opposite does.
            return sa.not_(sa.func.coalesce(self.whole(value, at, depth + 1), sa.false()))
        field = self._fields.get(name)
        if field is None:
            raise FilterInvalid(at, "is neither a column of the table nor $and, $or or $not")
        return self._about(field, value, at)

    def _about(self, field: Field, value: JSON, at: str) -> Condition:
        if not isinstance(value, dict):
            return self._one("$eq", field, value, at)
        if not value:
            raise FilterInvalid(at, 'must be a value or an object such as {"$gt": 5}')
        return sa.and_(*(self._one(name, field, wanted, f"{at}/{escaped(name)}") for name, wanted in value.items()))

    def _one(self, name: str, field: Field, wanted: JSON, at: str) -> Condition:
        self._conditions += 1
        if self._conditions > MOST_CONDITIONS:
            raise FilterInvalid(at, f"is one condition too many: a filter has at most {MOST_CONDITIONS}")
        operator = OPERATORS.get(name)
        if operator is None:
            raise FilterInvalid(at, f"is no operator; there are {', '.join(OPERATORS)}")
        if not field.type.ordered and name != "$exists" and wanted is not None:
            raise FilterInvalid(at, f"a {field.type.kind} column knows $exists only")
        try:
            return operator(field, wanted)
        except ValueRefused as refused:
            raise FilterInvalid(at, str(refused)) from None


def _equal(field: Field, wanted: JSON) -> Condition:
    return field.column.is_(None) if wanted is None else field.column == field.read(wanted)


def _unequal(field: Field, wanted: JSON) -> Condition:
    return field.column.is_not(None) if wanted is None else field.column.is_distinct_from(field.read(wanted))


def _compared(compare: Callable[[Any, Any], Condition]) -> Callable[[Field, JSON], Condition]:
    def operator(field: Field, wanted: JSON) -> Condition:
        if wanted is None or field.type.kind == "boolean":
            raise ValueRefused("compares numbers, texts and times, not null nor true and false")
        return compare(field.column, field.read(wanted))

    return operator


def _choices(field: Field, wanted: JSON) -> tuple[list[Any], bool]:
    """The values of a list, and whether null is one of them."""
    if not isinstance(wanted, list) or len(wanted) > MOST_CHOICES:
        raise ValueRefused(f"must be a list of at most {MOST_CHOICES} values")
    return [field.type.read(each) for each in wanted if each is not None], None in wanted


def _among(field: Field, wanted: JSON) -> Condition:
    values, null = _choices(field, wanted)
    found = field.column.in_(values)
    return sa.or_(found, field.column.is_(None)) if null else found


def _not_among(field: Field, wanted: JSON) -> Condition:
    values, null = _choices(field, wanted)
    missed = field.column.not_in(values)
    return sa.and_(missed, field.column.is_not(None)) if null else sa.or_(missed, field.column.is_(None))


def _exists(field: Field, wanted: JSON) -> Condition:
    if not isinstance(wanted, bool):
        raise ValueRefused("must be true or false")
    return field.column.is_not(None) if wanted else field.column.is_(None)


def _pattern(field: Field, wanted: JSON) -> str:
    if field.type.kind != "text":
        raise ValueRefused("is for columns of type text")
    if not isinstance(wanted, str) or not 1 <= len(wanted) <= LONGEST_PATTERN or "\0" in wanted:
        raise ValueRefused(f"must be a text of 1 to {LONGEST_PATTERN} characters")
    if (len(wanted) - len(wanted.rstrip("\\"))) % 2:
        raise ValueRefused("must not end with a single \\")
    return wanted


def _like(field: Field, wanted: JSON) -> Condition:
    return _Like(field.column, _pattern(field, wanted))


def _ilike(field: Field, wanted: JSON) -> Condition:
    return field.column.ilike(_pattern(field, wanted), escape="\\")


OPERATORS: Mapping[str, Callable[[Field, JSON], Condition]] = {
    "$eq": _equal,
    "$ne": _unequal,
    "$gt": _compared(lambda column, value: column > value),
    "$gte": _compared(lambda column, value: column >= value),
    "$lt": _compared(lambda column, value: column < value),
    "$lte": _compared(lambda column, value: column <= value),
    "$in": _among,
    "$nin": _not_among,
    "$like": _like,
    "$ilike": _ilike,
    "$exists": _exists,
}


class _Like(sa.sql.expression.ColumnElement[bool]):
    """LIKE that minds case. SQLite's own does not, but its GLOB does."""

    inherit_cache = False
    type = sa.Boolean()

    def __init__(self, column: sa.Column[Any], pattern: str) -> None:
        self.column = column
        self.pattern = sa.literal(pattern, sa.Text())
        self.glob = sa.literal(_as_glob(pattern), sa.Text())


@compiles(_Like)
def _compile_like(element: _Like, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.column.like(element.pattern, escape="\\"), **options)


@compiles(_Like, "sqlite")
def _compile_like_on_sqlite(element: _Like, compiler: SQLCompiler, **options: Any) -> str:
    return f"{compiler.process(element.column, **options)} GLOB {compiler.process(element.glob, **options)}"


def _as_glob(pattern: str) -> str:
    made = []
    characters = iter(pattern)
    for character in characters:
        if character == "\\":
            made.append(_for_itself(next(characters)))
        else:
            made.append({"%": "*", "_": "?"}.get(character) or _for_itself(character))
    return "".join(made)


def _for_itself(character: str) -> str:
    return f"[{character}]" if character in "*?[" else character
