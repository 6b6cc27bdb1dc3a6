"""What a tool call costs beside the tool itself, in µs at the median, next to FastMCP's `call_tool` in the same run.

Ours goes the whole way of the running server: the bus with its permission, rate and time-out; look-up, permission, rate,
arguments against the schema, size of the result, hand-off to the log, the event. `count_words` is one plain function for both.
A plugin's tool goes over the bus a second time, is timed by itself, and its arguments are checked on both sides.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

from fastmcp import FastMCP

from benchmarks.application import application
from benchmarks.harness import Result, in_loop, median_of, result
from vivesphere.contracts.tools import RunTool, ToolResult
from vivesphere.kernel.bus.handle import BusHandle
from vivesphere.kernel.bus.messages import JSON
from vivesphere.modules.tools.builtin.text import count_words

CALLS = 2_000
TARGET = 25.0
WORDS: dict[str, JSON] = {"text": "the quick brown fox"}
ROLL: dict[str, JSON] = {"notation": "2d6"}

UNHURRIED = {"VIVESPHERE_TOOLS_RATE": "1e9", "VIVESPHERE_TOOLS_BURST": "1e9"}
"""The bucket is asked as ever, but lets a benchmark through."""

LOG_WRITTEN = 0.5
"""Seconds after which a round's executions are on disk: a full log would drop what comes, and look faster than it is."""


def measure() -> list[Result]:
    return in_loop(_measure)


async def _measure() -> list[Result]:
    async with application(UNHURRIED) as server:
        bus = server.context("plans").bus
        builtin = await median_of(lambda: _p50(lambda: _run(bus, "text.count_words", WORDS)))
        plugin = await median_of(lambda: _p50(lambda: _run(bus, "dice.roll", ROLL)))
        assert server.context("tools").services.health()["tools"].status == "ok", "executions were dropped from the log"
    peer = FastMCP("peer")
    peer.tool(count_words.function)
    fastmcp = await median_of(lambda: _p50(lambda: peer.call_tool("count_words", WORDS)))
    return [
        result(
            "tool_call",
            "builtin tool, p50",
            builtin,
            "µs",
            target=TARGET,
            better="less",
            peer="FastMCP call_tool",
            peer_value=fastmcp,
        ),
        result("tool_call", "plugin's tool, p50", plugin, "µs", peer="FastMCP call_tool", peer_value=fastmcp),
    ]


async def _run(bus: BusHandle, tool: str, arguments: dict[str, JSON]) -> None:
    reply = await bus.request(RunTool(tool=tool, arguments=arguments))
    assert isinstance(reply, ToolResult), reply


async def _p50(call: Callable[[], Awaitable[object]]) -> float:
    taken = []
    for _ in range(CALLS):
        began = time.perf_counter()
        await call()
        taken.append(time.perf_counter() - began)
    await asyncio.sleep(LOG_WRITTEN)
    return statistics.median(taken) * 1e6
