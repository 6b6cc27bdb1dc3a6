"""How many records a table has room for: memory, so that nobody counts a million of them for each that comes.

A table is counted when its first record comes, and again when the room that was left is used up. Records that are written in
SQL, or deleted, are seen only then, so that the limit is one on growth and not a number that is never passed.
"""

from collections.abc import Awaitable, Callable

from vivesphere.kernel.capped import make_room
from vivesphere.modules.data.errors import TableFull

TABLES = 10_000


class Allowance:
    """Lives on the loop. `count` counts the records of a table by name."""

    def __init__(self, most: int, count: Callable[[str], Awaitable[int]]) -> None:
        self._most = most
        self._count = count
        self._left: dict[str, int] = {}

    def change(self, most: int) -> None:
        """Another limit, from the next record on."""
        self._most = most
        self._left.clear()

    async def take(self, table: str, records: int) -> None:
        """Take room for so many; raises TableFull if there is none."""
        if self._left.get(table, 0) < records:
            make_room(self._left, TABLES)
            self._left[table] = self._most - await self._count(table)
        if self._left[table] < records:
            raise TableFull(table, self._most)
        self._left[table] -= records
