"""Structs of SQL over HTTP."""

from typing import Annotated

import msgspec
from msgspec import Meta

from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.sql import Value


class QueryInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One statement. `params` is a list for `?`, or an object for `:name`."""

    sql: Annotated[
        str, Meta(min_length=1, description="One SELECT, INSERT, UPDATE or DELETE, with the bare names of custom tables.")
    ]
    params: list[Value] | dict[str, Value] = []
    limit: Annotated[Annotated[int, Meta(ge=1)] | None, Meta(description="Fewer rows than the settings allow.")] = None


class QueryResult(msgspec.Struct, frozen=True, kw_only=True):
    """`changed` counts the rows the statement wrote; `truncated` says that there were more rows than the limits let through."""

    columns: tuple[str, ...]
    rows: tuple[tuple[JSON, ...], ...]
    changed: int
    truncated: bool
