"""What the operator may ask about the database and its backups while the server runs.

What takes long is a stream: `{"progress": [what, done, whole]}` now and then, and `{"result": …}` in the end.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import msgspec

from vivesphere.kernel.db.backup.progress import Progress
from vivesphere.kernel.db.maintenance import Maintenance
from vivesphere.kernel.errors import InvalidInput
from vivesphere.modules.data.backups.schemas import BackupRequest
from vivesphere.modules.data.backups.service import BackupService

Telling = AsyncGenerator[dict[str, Any], None]


class MaintenanceHandlers:
    def __init__(self, backups: BackupService, maintenance: Maintenance) -> None:
        self._backups = backups
        self._maintenance = maintenance

    async def current(self, _arguments: dict[str, Any]) -> Any:
        return msgspec.to_builtins(await self._maintenance.standing())

    def check(self, _arguments: dict[str, Any]) -> Telling:
        return _telling(self._maintenance.check)

    def vacuum(self, _arguments: dict[str, Any]) -> Telling:
        return _telling(self._maintenance.vacuum)

    def back_up(self, arguments: dict[str, Any]) -> Telling:
        try:
            asked = msgspec.convert(arguments, BackupRequest)
        except msgspec.ValidationError as error:
            raise InvalidInput(f"The arguments are not valid: {error}.") from None
        return _telling(lambda progress: self._backups.create(asked.passphrase, progress=progress))


async def _telling(work: Callable[[Progress], Awaitable[Any]]) -> Telling:
    """How far the work has come, as often as it is asked for, and what came of it. Whoever hangs up ends it."""
    loop, news = asyncio.get_running_loop(), asyncio.Event()
    last: list[Any] = []

    def tell(what: str, done: int, whole: int, /) -> None:
        # On the thread that works: of many steps between two looks only the last is told.
        last[:] = [what, done, whole]
        loop.call_soon_threadsafe(news.set)

    async def worked() -> Any:
        return await work(tell)

    working = asyncio.create_task(worked(), name="maintenance")
    working.add_done_callback(lambda _: news.set())
    try:
        while await news.wait() and not working.done():
            news.clear()
            yield {"progress": list(last)}
        yield {"result": msgspec.to_builtins(await working)}
    finally:
        working.cancel()
