from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.modules.auth.world import AuthWorld, auth_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[AuthWorld]:
    async with auth_world(tmp_path) as world:
        yield world
