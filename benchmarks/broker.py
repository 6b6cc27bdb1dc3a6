"""SQL of a plugin: one row by its primary key through the broker, and what a text costs that nobody has read before.

The peer asks the same file the same question: sqlite3 on a thread of asyncio's, with nothing in between.
"""

import asyncio
import sqlite3
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import closing

from benchmarks.application import application
from benchmarks.harness import RUNS, Result, in_loop, result
from vivesphere.kernel import principals
from vivesphere.kernel.db.broker.gate import SqlGate
from vivesphere.kernel.lifetime import Lifetime

QUERIES = 2_000
TEXTS = 500
TEXT = "SELECT id, body FROM quotes WHERE id = ?"


def measure() -> list[Result]:
    broker, driver = in_loop(_queries)
    return [
        result(
            "broker",
            "query by primary key",
            broker,
            "µs",
            target=2 * driver,
            better="less",
            peer="sqlite3 on a thread",
            peer_value=driver,
        ),
        result(
            "broker",
            "a text that is read for the first time, beyond one that is known",
            _cold(),
            "µs",
            target=100,
            better="less",
        ),
    ]


async def _queries() -> tuple[float, float]:
    async with application() as running:
        sql = running.context("plugins").issue(principals.plugin("quotes"), Lifetime("benchmark")).sql
        await sql.execute("INSERT INTO quotes (body, added_by) VALUES ('Less is more.', 'ann')")
        with closing(sqlite3.connect(running.data / "vivesphere.db", check_same_thread=False)) as raw:

            def ask() -> list[tuple[object, ...]]:
                return raw.execute("SELECT id, body FROM ext_quotes__quotes WHERE id = ?", [1]).fetchall()

            assert (await sql.query(TEXT, [1])).rows == tuple(ask())
            # In turn, so that whatever else the machine does weighs on both.
            pairs = [
                (await _timed(lambda: sql.query(TEXT, [1])), await _timed(lambda: asyncio.to_thread(ask)))
                for _ in range(RUNS + 1)
            ][1:]
    broker, driver = zip(*pairs, strict=True)
    return statistics.median(broker), statistics.median(driver)


async def _timed(ask: Callable[[], Awaitable[object]]) -> float:
    """Microseconds for one, asked one after another."""
    begun = time.perf_counter()
    for _ in range(QUERIES):
        await ask()
    return (time.perf_counter() - begun) / QUERIES * 1e6


def _cold() -> float:
    """The text of an ordinary statement, a little different each time."""
    runs = []
    for run in range(RUNS + 1):
        gate = SqlGate()
        texts = [TEXT.replace("body", f"body AS b{run}_{number}") for number in range(TEXTS)]
        begun = time.perf_counter()
        for text in texts:
            gate.admit(text, "ext_quotes__", "sqlite")
        read = time.perf_counter()
        for text in texts:
            gate.admit(text, "ext_quotes__", "sqlite")
        runs.append((2 * read - begun - time.perf_counter()) / TEXTS * 1e6)
    return statistics.median(runs[1:])
