"""The settings section `sql`."""

from typing import Annotated

import msgspec
from msgspec import Meta

from vivesphere.kernel.sql import QueryLimits


class SqlSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much one statement of a person may bring back, and how long it may take."""

    rows: Annotated[int, Meta(ge=1, le=100_000, description="The most rows a statement gives back.")] = 1_000
    bytes: Annotated[int, Meta(ge=1024, le=67_108_864, description="The most bytes those rows have, as JSON.")] = 1_048_576
    seconds: Annotated[float, Meta(gt=0, le=2, description="Seconds that a statement may compute.")] = 2.0

    def limits(self, rows: int | None) -> QueryLimits:
        """For one statement that wants so many rows at most."""
        return QueryLimits(rows=min(rows or self.rows, self.rows), bytes=self.bytes, seconds=self.seconds)
