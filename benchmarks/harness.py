"""What a benchmark hands back, and how its figures are taken: the median of at least five runs, the peer in the same run.

A benchmark is a file in this folder with `def measure() -> list[Result]`, named in `BENCHMARKS` of `__main__.py`.
"""

import asyncio
import statistics
from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

import msgspec
import uvloop

RUNS = 5

T = TypeVar("T")


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One figure. `met` is null without a target, `peer_value` is in the same unit and from the same run."""

    benchmark: str
    metric: str
    value: float
    unit: str
    target: float | None = None
    met: bool | None = None
    peer: str | None = None
    peer_value: float | None = None


def result(
    benchmark: str,
    metric: str,
    value: float,
    unit: str,
    *,
    target: float | None = None,
    better: Literal["more", "less"] = "more",
    peer: str | None = None,
    peer_value: float | None = None,
) -> Result:
    """A figure held against its target; `better` says on which side of it one wants to be."""
    met = None if target is None else (value >= target if better == "more" else value <= target)
    return Result(
        benchmark=benchmark,
        metric=metric,
        value=value,
        unit=unit,
        target=target,
        met=met,
        peer=peer,
        peer_value=peer_value,
    )


def median(measure: Callable[[], float], runs: int = RUNS) -> float:
    """The median of `runs` measurements, after one that only warms up."""
    measure()
    return statistics.median(measure() for _ in range(runs))


async def median_of(measure: Callable[[], Awaitable[float]], runs: int = RUNS) -> float:
    """The same for a coroutine function."""
    await measure()
    return statistics.median([await measure() for _ in range(runs)])


def in_loop(work: Callable[[], Awaitable[T]]) -> T:
    """Run on the loop that the server runs on, so that both sides of a comparison stand on the same ground."""

    async def main() -> T:
        return await work()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())
