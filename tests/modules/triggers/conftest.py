"""The world that the tests of triggers live in."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.modules.triggers.world import World, world_in


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with world_in(tmp_path) as world:
        yield world
