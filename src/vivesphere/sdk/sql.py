"""The broker in the shape that the SDK shows. Needs the database's rooms: `vivesphere.sdk` does not load it."""

from collections.abc import Awaitable

from vivesphere.kernel.db.broker.broker import SqlHandle
from vivesphere.kernel.db.errors import DatabaseError
from vivesphere.kernel.sql import Parameters, Rows
from vivesphere.sdk.errors import PluginError


class BrokeredSql:
    """Implements `sdk.context.Sql`."""

    def __init__(self, handle: SqlHandle) -> None:
        self._handle = handle

    async def query(self, sql: str, parameters: Parameters = ()) -> Rows:
        return await _told(self._handle.query(sql, parameters))

    async def execute(self, sql: str, parameters: Parameters = ()) -> Rows:
        return await _told(self._handle.execute(sql, parameters))


async def _told(asked: Awaitable[Rows]) -> Rows:
    try:
        return await asked
    except DatabaseError as error:
        raise PluginError(str(error)) from error
