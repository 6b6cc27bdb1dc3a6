"""From the shell's command to a server that answers, and what it weighs when it rests."""

import statistics
import tempfile
import time
from pathlib import Path

import httpx
import psutil
from tests.support.process import ServerProcess

from benchmarks.harness import RUNS, Result, result

MEGABYTE = 1_000_000
RESTING = 2.0


def measure() -> list[Result]:
    """The first start also makes the database, the keys and the first bot, so it stands on a line of its own."""
    starts: list[float] = []
    weights: list[float] = []
    firsts: list[float] = []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder) / "data"
            firsts.append(_start(data)[0])
            seconds, weight = _start(data)
        starts.append(seconds)
        weights.append(weight)
    return [
        result("cold_start", "command to ready", statistics.median(starts), "s", target=1.2, better="less"),
        result("cold_start", "first start to ready", statistics.median(firsts), "s"),
        result("cold_start", "idle memory (RSS)", statistics.median(weights), "MB", target=110, better="less"),
    ]


def _start(data: Path) -> tuple[float, float]:
    """Seconds to the first good answer of /health/ready, and the resident megabytes two seconds later."""
    began = time.perf_counter()
    server = ServerProcess(data)
    try:
        server.wait_until_listening()
        with httpx.Client(base_url=server.url, timeout=5) as client:
            while client.get("/health/ready").status_code != 200:
                time.sleep(0.005)
            ready = time.perf_counter() - began
        time.sleep(RESTING)
        weight = psutil.Process(server.process.pid).memory_info().rss / MEGABYTE
    finally:
        server.stop()
    return ready, weight
