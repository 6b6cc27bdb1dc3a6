"""Which engine a place needs: the one room that names both databases."""

import asyncio

from vivesphere.kernel.clock import Clock
from vivesphere.kernel.db.access import AccessPolicy, CurrentAccess
from vivesphere.kernel.db.engine import Engine
from vivesphere.kernel.db.location import Place, SqlitePlace
from vivesphere.kernel.db.sqlite import engine as sqlite
from vivesphere.kernel.db.work import Hooks


async def open_engine(place: Place, clock: Clock, hooks: Hooks) -> tuple[Engine, CurrentAccess]:
    """The engine of a database that `migrate` has brought up to date, and the policy it enforces. Raises StartError."""
    if not isinstance(place, SqlitePlace):
        from vivesphere.kernel.db.postgres.engine import PostgresEngine  # noqa: PLC0415 - psycopg takes 0.1 s and 10 MB

        engine = PostgresEngine(place, clock, hooks)
        enforced = await asyncio.to_thread(engine.start)
        engine.watch()
        return engine, enforced
    known, granted = await asyncio.to_thread(sqlite.stored_access, place.file)
    access = CurrentAccess(AccessPolicy(known, granted=granted))
    return sqlite.SqliteEngine(place.file, access, clock, hooks), access
