from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.kernel.http.things import Things, things_module
from tests.support.http import HttpForTests, http_for


@pytest.fixture
def things() -> Things:
    return Things()


@pytest.fixture
async def http(tmp_path: Path, things: Things) -> AsyncIterator[HttpForTests]:
    async with http_for(tmp_path, things_module(things)) as http:
        yield http
