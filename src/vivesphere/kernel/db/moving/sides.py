"""One end of a copy: a database that rows are read from, or written to, as fast as its driver can."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, Protocol

import sqlalchemy as sa

from vivesphere.kernel.db.moving.proof import Batches, Row
from vivesphere.kernel.db.moving.shapes import Shape

BATCH = 5_000
"""Rows that are held in memory at once."""


class Side(Protocol):
    """Everything happens in the one transaction of `connection`, which whoever opened it ends."""

    kind: Literal["sqlite", "postgresql"]
    connection: sa.Connection

    def count(self, table: str) -> int: ...

    def rows(self, shape: Shape) -> Iterator[Sequence[Row]]:
        """Every row of the table, in no order, batch by batch."""
        ...

    def load(self, shape: Shape, batches: Batches) -> None:
        """Write the rows into the table, which is empty."""
        ...

    def drop(self, tables: Sequence[str]) -> None: ...

    def make(self, tables: Sequence[sa.Table]) -> None:
        """Make plugins' and users' tables, as far as they are needed to be loaded."""
        ...

    def complete(self, tables: Sequence[sa.Table]) -> None:
        """Give the loaded tables what would have been in the way before. Raises MoveFailed if rows refer to none."""
        ...

    def numbers(self, tables: Sequence[str]) -> Mapping[str, int]:
        """The last number given by each table that numbers its rows, whether the row is still there or not."""
        ...

    def set_numbers(self, numbers: Mapping[str, int]) -> None: ...
