"""The world that the tests of plugins live in."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.modules.plugins.world import PluginWorld, plugins_in


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[PluginWorld]:
    async with plugins_in(tmp_path) as world:
        yield world
