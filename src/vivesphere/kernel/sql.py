"""What goes into a statement of a plugin or a person, and what comes out. Knows no database: the SDK speaks of it, too."""

from collections.abc import Mapping, Sequence

import msgspec

from vivesphere.kernel.bus.messages import JSON

Value = str | int | float | bool | None
"""What can be given for a `?` or a `:name`. A moment, a date and JSON are given as their text or number."""

Parameters = Sequence[Value] | Mapping[str, Value]
"""A list for `?`, in their order; a mapping for `:name`."""


class QueryLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much one statement may bring back, and how long it may take. `bytes` are those of the rows as JSON."""

    rows: int = 1_000
    bytes: int = 1024 * 1024
    seconds: float = 2.0


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """What a statement gave. `changed` counts the rows it wrote; `truncated` says that there were more rows than the limits
    let through."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[JSON, ...], ...] = ()
    changed: int = 0
    truncated: bool = False

    def first(self) -> dict[str, JSON] | None:
        """The first row by the names of its columns; None if there is none."""
        return dict(zip(self.columns, self.rows[0], strict=True)) if self.rows else None
