"""The world that the tests of tools live in."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.modules.tools.world import ToolWorld, tools_in


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ToolWorld]:
    async with tools_in(tmp_path) as world:
        yield world
