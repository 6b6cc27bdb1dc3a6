"""One world for each test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.kernel.db.table_world import Held
from tests.kernel.db.world import World, a_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as world:
        yield world


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    with Held(tmp_path) as held:
        yield held
