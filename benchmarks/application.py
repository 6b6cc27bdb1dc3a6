"""The whole application in this process, as `vivesphere serve` composes it, for benchmarks that need a module's own handles."""

import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from vivesphere import app
from vivesphere.kernel.module import ModuleContext
from vivesphere.kernel.settings import Settings


class Running:
    """A started application; `context` gives the handles that the module itself got."""

    def __init__(self, started: app.Application) -> None:
        self._started = started

    def context(self, module: str) -> ModuleContext:
        return next(context for _, context in self._started.modules if context.name == module)


@asynccontextmanager
async def application(environ: Mapping[str, str] | None = None) -> AsyncIterator[Running]:
    """Settings are the defaults but for `environ`, the data directory is empty, the database is a real file."""
    # What is measured is printed on standard output, as JSON for a program: the log belongs beside it.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.load({"VIVESPHERE_DATA_DIR": str(Path(folder) / "data"), **(environ or {})})
        async with app.running(settings) as started:
            yield Running(started)
