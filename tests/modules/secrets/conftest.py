"""A real database with the table of secrets."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.clock import FakeClock
from tests.support.database import open_database

from vivesphere.kernel import principals
from vivesphere.kernel.db.handle import Database, DatabaseHandle
from vivesphere.modules.secrets.models import SecretRow


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def database(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Database]:
    async with open_database(tmp_path, models=(SecretRow,), clock=clock) as database:
        yield database


@pytest.fixture
def system_db(database: Database) -> DatabaseHandle:
    return database.handle(principals.SYSTEM)


@pytest.fixture
def secrets_db(database: Database) -> DatabaseHandle:
    return database.handle(principals.module("secrets"))
