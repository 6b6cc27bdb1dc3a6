"""`context.sql` in an author's tests: a real database in a folder of its own, with the plugin's tables and the real gate."""

import asyncio
import shutil
import tempfile
from datetime import datetime
from pathlib import Path

from vivesphere.kernel import principals
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.db import ddl
from vivesphere.kernel.db import models as kernel_models
from vivesphere.kernel.db.access import TableDescription
from vivesphere.kernel.db.broker.broker import Broker
from vivesphere.kernel.db.broker.gate import SqlGate
from vivesphere.kernel.db.handle import Database, Unit
from vivesphere.kernel.db.location import SqlitePlace
from vivesphere.kernel.db.schema import Model
from vivesphere.kernel.db.sqlite.connection import make_engine
from vivesphere.kernel.db.table_records import describe_core, register
from vivesphere.kernel.principals import SYSTEM
from vivesphere.kernel.sql import Parameters, Rows
from vivesphere.sdk.manifest import Manifest
from vivesphere.sdk.sql import BrokeredSql
from vivesphere.sdk.tables import definitions


class SqlInTest:
    """Implements `sdk.context.Sql`. The database is made when the plugin first speaks to it."""

    def __init__(self, manifest: Manifest, clock: Clock) -> None:
        self._manifest = manifest
        self._clock = clock
        self._opening = asyncio.Lock()
        self._database: Database | None = None
        self._folder: Path | None = None

    async def query(self, sql: str, parameters: Parameters = ()) -> Rows:
        return await (await self._sql()).query(sql, parameters)

    async def execute(self, sql: str, parameters: Parameters = ()) -> Rows:
        return await (await self._sql()).execute(sql, parameters)

    async def close(self) -> None:
        if self._database is not None:
            await self._database.close()
        if self._folder is not None:
            await asyncio.to_thread(shutil.rmtree, self._folder)

    async def _sql(self) -> BrokeredSql:
        async with self._opening:
            if self._database is None:
                self._folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="vivesphere-plugin-"))
                self._database = await self._open(self._folder / "plugin.db")
        return BrokeredSql(Broker(self._database.handle, "sqlite", SqlGate()).handle(principals.plugin(self._manifest.id)))

    async def _open(self, file: Path) -> Database:
        await asyncio.to_thread(_make, file, self._clock.now())
        database = await Database.open(SqlitePlace(file), clock=self._clock)
        await database.handle(principals.module("plugins")).write(_make_tables, self._manifest)
        await database.refresh_access()
        return database


def _make(file: Path, now: datetime) -> None:
    """The kernel's own tables, in one of which stands who may touch what."""
    kernels = [each.class_.__tablename__ for each in Model.registry.mappers if each.class_.__module__ == kernel_models.__name__]
    engine = make_engine(file)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    with engine.begin() as connection:
        Model.metadata.create_all(connection, tables=[Model.metadata.tables[name] for name in kernels])
        register(connection, describe_core(Model.metadata, dict.fromkeys(kernels, SYSTEM)), now)


def _make_tables(tx: Unit, manifest: Manifest) -> None:
    owner = principals.plugin(manifest.id)
    for name, definition in definitions(manifest).items():
        description = TableDescription(name=name, access_level="protected", owner=owner, is_system=False)
        ddl.create(tx, description, definition, "rows")
