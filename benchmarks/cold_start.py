"""From the shell's command to a server that answers, and what it weighs when it rests."""

import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import httpx
import psutil
from tests.support.process import ServerProcess

from benchmarks.harness import RUNS, Result, result

MEGABYTE = 1_000_000
RESTING = 2.0
LOCK = Path("requirements/runtime.lock")


def measure() -> list[Result]:
    """The first start also makes the database, the keys and the first bot, so it stands on a line of its own."""
    starts: list[float] = []
    weights: list[float] = []
    firsts: list[float] = []
    with _installed() as path:
        for _ in range(RUNS):
            with tempfile.TemporaryDirectory() as folder:
                data = Path(folder) / "data"
                firsts.append(_start(data, path)[0])
                seconds, weight = _start(data, path)
            starts.append(seconds)
            weights.append(weight)
    return [
        result("cold_start", "command to ready", statistics.median(starts), "s", target=1.2, better="less"),
        result("cold_start", "first start to ready", statistics.median(firsts), "s"),
        result("cold_start", "idle memory (RSS)", statistics.median(weights), "MB", target=110, better="less"),
    ]


@contextmanager
def _installed() -> Iterator[str]:
    """A PYTHONPATH with our sources and what `make run` installs.

    Litestar, SQLAlchemy and uvicorn load what they find of pydantic, greenlet and watchfiles, which only tests and peers bring:
    a sixth of the start and of the memory that no operator ever sees.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name in re.findall(r"^([\w.-]+)==", LOCK.read_text(), re.MULTILINE):
            _link(metadata.distribution(name), Path(folder))
        yield os.pathsep.join((str(Path("src").absolute()), folder))


def _link(package: metadata.Distribution, folder: Path) -> None:
    tops = {file.parts[0] for file in package.files or () if file.parts[0] not in {"..", "__pycache__"}}
    for top in tops:
        link = folder / top
        # Two distributions may share a folder, a namespace.
        if not link.exists():
            link.symlink_to(str(package.locate_file(top)))


def _start(data: Path, path: str) -> tuple[float, float]:
    """Seconds to the first good answer of /health/ready, and the resident megabytes two seconds later."""
    began = time.perf_counter()
    # -S leaves out site-packages.
    server = ServerProcess(data, {"PYTHONPATH": path}, [sys.executable, "-S", "-m", "vivesphere"])
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
