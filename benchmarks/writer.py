"""Units of work through the one writer: 100 callers at once, each going on when its row is on disk (WAL, synchronous=FULL).

The rule writes one row with a Core statement, as a module's does; `hot` is the same row by a statement of a hot path. The peers
commit each row by itself: the same driver, pragmas and table on a thread, from as many callers, with nothing else around it.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa
from tests.support.database import open_database

from benchmarks.harness import Result, in_loop, median_of, result
from vivesphere.kernel import principals
from vivesphere.kernel.clock import SystemClock
from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.db.hot import HotStatement
from vivesphere.kernel.db.sqlite.connection import connect_raw

CALLERS = 100
EACH = 100
OWNER = principals.module("bench")
TARGET = 15_000

lines = sa.Table("lines", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("body", sa.Text))
_ADD = sa.insert(lines)
_ADD_HOT = HotStatement(_ADD, ("body",))


def measure() -> list[Result]:
    return in_loop(_measure)


def add(tx: Unit, body: str) -> None:
    tx.execute(_ADD, {"body": body})


def add_hot(tx: Unit, body: str) -> None:
    tx.change(_ADD_HOT, {"body": body})


async def _measure() -> list[Result]:
    with tempfile.TemporaryDirectory() as folder:
        async with open_database(Path(folder), models=[], extra={lines: OWNER}, clock=SystemClock()) as database:
            handle = database.handle(OWNER)
            units = await median_of(lambda: rate(lambda body: handle.write(add, body)))
            hot = await median_of(lambda: rate(lambda body: handle.write(add_hot, body)))
            one = await median_of(lambda: rate(lambda body: handle.write(add, body), callers=1))
        with plain_commits(Path(folder) / "vivesphere.db") as commit:
            plain = await median_of(lambda: rate(commit))
            plain_one = await median_of(lambda: rate(commit, callers=1))
    peer = "a plain commit each, on a thread"
    name = f"durable units, {CALLERS} callers"
    return [
        result("writer", name, units, "units/s", target=TARGET, peer=peer, peer_value=plain),
        result("writer", f"{name}, hot statement", hot, "units/s", target=TARGET, peer=peer, peer_value=plain),
        result("writer", "durable units, 1 caller", one, "units/s", peer=peer, peer_value=plain_one),
    ]


async def rate(write: Callable[[str], Awaitable[object]], callers: int = CALLERS) -> float:
    """Rows a second, each on disk before its caller goes on."""

    async def caller(number: int) -> None:
        for turn in range(EACH):
            await write(f"caller {number}, turn {turn}")

    began = time.perf_counter()
    await asyncio.gather(*(caller(number) for number in range(callers)))
    return callers * EACH / (time.perf_counter() - began)


@contextmanager
def plain_commits(file: Path) -> Iterator[Callable[[str], Awaitable[object]]]:
    """One connection on one thread, and a commit for each row."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as thread, closing(connect_raw(file)) as raw:

        def commit(body: str) -> None:
            raw.execute("BEGIN IMMEDIATE")
            raw.execute("INSERT INTO lines (body) VALUES (?)", (body,))
            raw.execute("COMMIT")

        yield lambda body: loop.run_in_executor(thread, commit, body)
