"""The whole application in this process, as `vivesphere serve` composes it, for benchmarks that need a module's own handles."""

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from vivesphere import app
from vivesphere.kernel.module import ModuleContext
from vivesphere.kernel.settings import Settings
from vivesphere.kernel.telemetry import LogSettings, configure_logging


class Running:
    """A started application; `context` gives the handles that the module itself got, `data` is the data directory."""

    def __init__(self, started: app.Application, data: Path) -> None:
        self._started = started
        self.data = data

    def context(self, module: str) -> ModuleContext:
        return next(context for _, context in self._started.modules if context.name == module)


@asynccontextmanager
async def application(environ: Mapping[str, str] | None = None) -> AsyncIterator[Running]:
    """Settings are the defaults but for `environ`, the data directory is empty, the database is a real file."""
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("w") as log:
        # What failures cost is measured, too. To be read, the figures stand alone.
        configure_logging(LogSettings(), log)
        data = Path(folder) / "data"
        settings = Settings.load({"VIVESPHERE_DATA_DIR": str(data), **(environ or {})})
        async with app.running(settings) as started:
            yield Running(started, data)
