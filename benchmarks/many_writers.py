"""200 callers that write for a minute, while another program takes the file's lock again and again, as a person's sqlite3 shell
would, and four read all the time. Nobody may meet "database is locked"; what a unit waits is told with the lock and without.
"""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.database import open_database

from benchmarks.harness import Result, in_loop, result
from benchmarks.writer import OWNER, add, lines
from vivesphere.kernel.clock import SystemClock
from vivesphere.kernel.db.errors import DatabaseError
from vivesphere.kernel.db.handle import DatabaseHandle, Unit

WRITERS = 200
READERS = 4
SECONDS = 60.0
HELD, FREE = 0.2, 1.8
"""Seconds for which the other program has the lock, and has it not."""

# Its own connection, its own process, and no patience: if our writer holds the lock just then, it tries again.
_SHELL = """
import sqlite3, sys, time
shell = sqlite3.connect(sys.argv[1], timeout=5, isolation_level=None)
while True:
    shell.execute("BEGIN IMMEDIATE")
    time.sleep(float(sys.argv[2]))
    shell.execute("COMMIT")
    time.sleep(float(sys.argv[3]))
"""


def measure() -> list[Result]:
    return in_loop(_measure)


async def _measure() -> list[Result]:
    with tempfile.TemporaryDirectory() as folder:
        async with open_database(Path(folder), models=[], extra={lines: OWNER}, clock=SystemClock()) as database:
            handle = database.handle(OWNER)
            alone = await _under_load(handle, SECONDS / 2)
            with _shell(Path(folder) / "vivesphere.db"):
                beside = await _under_load(handle, SECONDS / 2)
    name = f"{WRITERS} writers for {SECONDS:.0f} s"
    refused = [error for load in (alone, beside) for error in load.refused]
    return [
        result("many_writers", f"{name}, refused or locked", len(refused), "units", target=0, better="less"),
        result("many_writers", f"{name}, written", len(alone.waited) / (SECONDS / 2), "units/s"),
        *(_percentiles(name, alone)),
        *(_percentiles(f"{name}, another holds the lock {HELD:g} s of {HELD + FREE:g} s", beside)),
    ]


class _Load:
    """`waited` is in milliseconds, for each unit; `refused` is what went wrong."""

    def __init__(self) -> None:
        self.waited: list[float] = []
        self.refused: list[str] = []


def _percentiles(name: str, load: _Load) -> list[Result]:
    waited = sorted(load.waited)
    return [
        result("many_writers", f"{name}, p50", statistics.median(waited), "ms"),
        result("many_writers", f"{name}, p99", waited[int(len(waited) * 0.99)], "ms"),
    ]


async def _under_load(handle: DatabaseHandle, seconds: float) -> _Load:
    load = _Load()
    ends = time.perf_counter() + seconds

    async def writer() -> None:
        while (began := time.perf_counter()) < ends:
            try:
                await handle.write(add, "a line")
            except DatabaseError as error:
                load.refused.append(str(error))
            load.waited.append(1000 * (time.perf_counter() - began))

    async def reader() -> None:
        while time.perf_counter() < ends:
            await handle.read(_last)
            await asyncio.sleep(0.01)

    await asyncio.gather(*(writer() for _ in range(WRITERS)), *(reader() for _ in range(READERS)))
    return load


def _last(tx: Unit) -> int | None:
    found: int | None = tx.execute(lines.select().order_by(lines.c.id.desc()).limit(1)).scalar()
    return found


@contextmanager
def _shell(file: Path) -> Iterator[None]:
    command = [sys.executable, "-c", _SHELL, str(file), str(HELD), str(FREE)]
    with subprocess.Popen(command) as process:  # noqa: S603 - our own interpreter and program
        try:
            yield
        finally:
            process.kill()
