"""Looking after the database while the server runs, for the loop: each on a thread and a connection of its own."""

import asyncio
from collections.abc import Mapping

from vivesphere.kernel.db.backup.progress import Progress, untold
from vivesphere.kernel.db.checking import Fault, check
from vivesphere.kernel.db.location import Place
from vivesphere.kernel.db.revising import Standing, standing
from vivesphere.kernel.db.vacuuming import Vacuumed, vacuum
from vivesphere.kernel.principals import Principal


class Maintenance:
    """What may go on beside a server. What may not is in `revising.py`, `moving/` and `backup/restoring.py`."""

    def __init__(self, place: Place, owners: Mapping[str, Principal]) -> None:
        self._place = place
        self._owners = owners

    async def standing(self) -> Standing:
        return await asyncio.to_thread(standing, self._place)

    async def check(self, progress: Progress = untold) -> list[Fault]:
        return await asyncio.to_thread(check, self._place, self._owners, progress)

    async def vacuum(self, progress: Progress = untold) -> Vacuumed:
        """Raises VacuumFailed."""
        return await asyncio.to_thread(vacuum, self._place, progress=progress)
