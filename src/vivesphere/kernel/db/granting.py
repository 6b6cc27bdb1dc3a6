"""Asking for grants and deciding them, as the rest of the house does it: what is decided is in force when it is answered."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager

from vivesphere.kernel import principals
from vivesphere.kernel.db import grants
from vivesphere.kernel.db.access import Granted
from vivesphere.kernel.db.grants import Decision, Grant, GrantQuery
from vivesphere.kernel.db.handle import DatabaseHandle
from vivesphere.kernel.db.kept_replies import IdempotencyKey
from vivesphere.kernel.principals import Principal


class TableGrants:
    """`db` is a handle of `system`; who decided is the actor of the running cause."""

    def __init__(self, db: DatabaseHandle, refresh_access: Callable[[], Awaitable[None]]) -> None:
        self._db = db
        self._refresh = refresh_access

    async def listed(self, query: GrantQuery, limit: int) -> list[Grant]:
        """Newest first."""
        return await self._db.read(grants.listed, query, limit)

    async def ask(self, grantee: Principal, wanted: Collection[Granted]) -> None:
        """What the grantee asks for now, all of it. A request opens nothing."""
        await self._db.write(grants.ask, grantee, wanted)

    async def grant(self, granted: Granted, project: str, once: IdempotencyKey[Grant] | None = None) -> Grant:
        """Raises TableNotThere or GrantDecided."""
        async with self._in_force():
            return await self._db.write_once(once, grants.grant, granted, project)

    async def decide(self, grant_id: str, decision: Decision, project: str, once: IdempotencyKey[Grant] | None = None) -> Grant:
        """Raises GrantUnknown, TableNotThere or GrantDecided."""
        async with self._in_force():
            return await self._db.write_once(once, grants.decide, grant_id, decision, project)

    async def keep_plugins(self, plugin_ids: Collection[str]) -> None:
        """Forget the grants of every other plugin: one that comes later under the same id is somebody else."""
        if await self._db.write(grants.forget_others, "plugin", {principals.plugin(each) for each in plugin_ids}):
            await self._refresh()

    @asynccontextmanager
    async def _in_force(self) -> AsyncIterator[None]:
        # Also when it was decided before: if the policy could not be read that time, whoever asks again is told that it was
        # decided, and has to find it so.
        try:
            yield
        finally:
            await self._refresh()
