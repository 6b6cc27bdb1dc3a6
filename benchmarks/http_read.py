"""One row read over HTTP with a token: authentication, permission, a unit of work on a database thread, encoding.

The peer is what the same server answers without any of that: a constant, by the same router over the same connections.
"""

import statistics
from contextlib import closing

from benchmarks.harness import RUNS, Result, in_loop, result
from benchmarks.server import CONNECTIONS, Load, load, server

SECONDS = 2.0
CONSTANT = "/health/live"


def measure() -> list[Result]:
    """The client shares the machine with the server, so on two cores each has about one."""
    with server() as running, closing(running.client()) as client:
        bot = client.get("/api/v1/bots").raise_for_status().json()["items"][0]["id"]
        token = client.headers["Authorization"].removeprefix("Bearer ")

        async def run() -> list[tuple[Load, Load]]:
            await load(running.url, f"/api/v1/bots/{bot}", token, SECONDS / 2)
            # In turn, so that whatever else the machine does weighs on both.
            return [
                (
                    await load(running.url, f"/api/v1/bots/{bot}", token, SECONDS),
                    await load(running.url, CONSTANT, token, SECONDS / 2),
                )
                for _ in range(RUNS)
            ]

        loads = in_loop(run)
    rate, slowest = _medians([read for read, _ in loads])
    constant_rate, constant_slowest = _medians([constant for _, constant in loads])
    name = f"authenticated read, {CONNECTIONS} connections"
    peer = "a constant answer of the same server"
    return [
        result("http_read", name, rate, "requests/s", target=5000, peer=peer, peer_value=constant_rate),
        result(
            "http_read",
            f"{name}, p99",
            slowest,
            "ms",
            target=20,
            better="less",
            peer=peer,
            peer_value=constant_slowest,
        ),
    ]


def _medians(loads: list[Load]) -> tuple[float, float]:
    return statistics.median(each.rate for each in loads), statistics.median(each.p99 for each in loads)
