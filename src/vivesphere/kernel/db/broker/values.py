"""Values on their way: what may be given for a parameter, and what comes back of a result, as plain JSON values."""

import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.db.broker.statement import Statement, shown
from vivesphere.kernel.db.errors import StatementFailed
from vivesphere.kernel.sql import Parameters, QueryLimits, Rows, Value

_PLAIN = frozenset({str, int, type(None)})
_TEXTUAL = (bytes, bytearray, memoryview, datetime, date, time, timedelta, UUID)


def bound(statement: Statement, parameters: Parameters) -> dict[str, Value]:
    """The values under the statement's names. Raises StatementFailed if they are not what it waits for."""
    given: dict[str, Value]
    if isinstance(parameters, Mapping):
        given = dict(parameters)
        if statement.parameters and not statement.by_name:
            raise StatementFailed("the statement has question marks: give a list of values, not names")
    else:
        if statement.by_name:
            raise StatementFailed("the statement has named parameters: give values by name, not a list")
        if len(parameters) != len(statement.parameters):
            wanted = len(statement.parameters)
            raise StatementFailed(f"the statement has {wanted} question marks, and {len(parameters)} values were given")
        given = dict(zip(statement.parameters, parameters, strict=True))
    if missing := [name for name in statement.parameters if name not in given]:
        raise StatementFailed(f"the parameter :{missing[0]} was given no value")
    if strange := [name for name in given if name not in statement.parameters]:
        raise StatementFailed(f"the statement has no parameter :{shown(str(strange[0]))}")
    for name, value in given.items():
        _check(name, value)
    return given


def _check(name: str, value: object) -> None:
    match value:
        case str():
            problem = "contains the character U+0000, which no database keeps" if "\0" in value else ""
            if not problem and not _encodes(value):
                problem = "contains half of a surrogate pair, which is no character"
        case None | bool():
            problem = ""
        case int():
            problem = "" if -(1 << 63) <= value < 1 << 63 else "does not fit into 64 bits"
        case float():
            problem = "" if math.isfinite(value) else "is no finite number"
        case _:
            problem = f"is of type {type(value).__name__}: give a text, a number, true, false or null"
    if problem:
        raise StatementFailed(f"the value of :{name} {problem}")


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def fetched(result: sa.CursorResult[Any], limits: QueryLimits, *, writes: bool) -> Rows:
    """The result's rows within the limits. What a statement wrote is counted to the end, whatever is kept of it."""
    if not result.returns_rows:
        return Rows(changed=max(0, result.rowcount))
    kept: list[tuple[JSON, ...]] = []
    room = limits.bytes
    truncated = False
    found = 0
    for row in result:
        found += 1
        if truncated:
            continue
        plain = tuple([value if type(value) in _PLAIN else _plain(value) for value in row])
        room -= len(msgspec.json.encode(plain))
        if len(kept) >= limits.rows or room < 0:
            truncated = True
            if not writes:
                break
        else:
            kept.append(plain)
    return Rows(columns=tuple(result.keys()), rows=tuple(kept), changed=found if writes else 0, truncated=truncated)


def _plain(value: Any) -> JSON:
    """Both databases give the same: a boolean is 1 or 0, a sum of whole numbers is one, bytes are Base64."""
    match value:
        case bool():
            return int(value)
        case float():
            return value if math.isfinite(value) else None
        case Decimal():
            whole = value == value.to_integral_value() if value.is_finite() else False
            return int(value) if whole else _plain(float(value))
        case memoryview():
            return _plain(bytes(value))
        case _ if isinstance(value, _TEXTUAL):
            text: str = msgspec.to_builtins(value)
            return text
        case _:
            plain: JSON = msgspec.to_builtins(value)
            return plain
