"""Single facts about the installation."""

import pytest
from tests.kernel.db.world import World

from vivesphere.kernel.db.installation import read_fact, write_fact

pytestmark = pytest.mark.usefixtures("engine")


async def test_a_fact_is_read_as_it_was_written_last(world: World) -> None:
    assert await world.system.read(read_fact, "id") is None
    await world.system.write(write_fact, "id", {"a": [1]})
    await world.system.write(write_fact, "id", {"a": [2]})
    await world.system.write(write_fact, "other", "x")
    assert await world.system.read(read_fact, "id") == {"a": [2]}
