"""One row read over HTTP with a token: authentication, permission, a unit of work on a database thread, encoding."""

import statistics
from contextlib import closing

from benchmarks.harness import RUNS, Result, in_loop, result
from benchmarks.server import CONNECTIONS, Load, load, server

SECONDS = 2.0


def measure() -> list[Result]:
    """The client shares the machine with the server, so on two cores each has about one."""
    with server() as running, closing(running.client()) as client:
        bot = client.get("/api/v1/bots").raise_for_status().json()["items"][0]["id"]
        token = client.headers["Authorization"].removeprefix("Bearer ")

        async def run() -> list[Load]:
            await load(running.url, f"/api/v1/bots/{bot}", token, SECONDS / 2)
            return [await load(running.url, f"/api/v1/bots/{bot}", token, SECONDS) for _ in range(RUNS)]

        loads = in_loop(run)
    rate = statistics.median(each.rate for each in loads)
    slowest = statistics.median(each.p99 for each in loads)
    name = f"authenticated read, {CONNECTIONS} connections"
    return [
        result("http_read", name, rate, "requests/s", target=5000),
        result("http_read", f"{name}, p99", slowest, "ms", target=20, better="less"),
    ]
