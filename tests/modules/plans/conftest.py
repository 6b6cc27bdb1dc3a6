"""The world that the tests of plans live in."""

from collections.abc import AsyncIterator

import pytest
from tests.modules.plans.world import World, running_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running_world() as world:
        yield world
