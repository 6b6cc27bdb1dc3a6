"""How values are spread: counted where they arise, at the price of a bisection, and told as a histogram when asked."""

from bisect import bisect_left
from collections.abc import Sequence

import msgspec


class Histogram(msgspec.Struct, frozen=True, kw_only=True):
    """`counts` has one number more than `bounds` has upper bounds: what is greater than all of them."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float


class Spread:
    """Written by one thread; another may read it at any time, and then sees a value in one of the two figures only at worst."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(map(float, bounds))
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0

    def add(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._total += value

    def told(self) -> Histogram:
        return Histogram(bounds=self._bounds, counts=tuple(self._counts), total=self._total)
