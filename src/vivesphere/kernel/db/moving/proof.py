"""What two tables must have in common to be the same: how many rows, and a sum over the rows' hashes.

A sum does not depend on the order in which rows are read, which two databases with two ideas of sorting would not agree on.
Each row counts with the BLAKE2b digest of its values in MessagePack, in the order of the table's columns; a boolean counts as
the number it is in SQLite.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

Row = Sequence[Any]
Batches = Iterable[Sequence[Row]]

_DIGEST = 16
_MODULUS = 1 << (8 * _DIGEST)

_encode = msgspec.msgpack.Encoder().encode


class Proof(msgspec.Struct, frozen=True):
    """What was found of one table. `digest` is in hexadecimal."""

    rows: int
    digest: str


class Tally:
    """Counts rows as they pass. `booleans` are the places of columns that hold truth values."""

    def __init__(self, booleans: Sequence[int] = ()) -> None:
        self._booleans = tuple(booleans)
        self._rows = 0
        self._sum = 0

    def passing(self, batches: Batches) -> Iterator[Sequence[Row]]:
        """The same batches, counted."""
        for batch in batches:
            self.add(batch)
            yield batch

    def add(self, batch: Sequence[Row]) -> None:
        rows = [_plain(row, self._booleans) for row in batch] if self._booleans else batch
        self._rows += len(batch)
        self._sum += sum(int.from_bytes(blake2b(_encode(tuple(row)), digest_size=_DIGEST).digest(), "big") for row in rows)

    def proof(self) -> Proof:
        return Proof(self._rows, f"{self._sum % _MODULUS:0{2 * _DIGEST}x}")


def _plain(row: Row, booleans: Sequence[int]) -> Row:
    values = list(row)
    for place in booleans:
        if values[place] is not None:
            values[place] = int(values[place])
    return values
