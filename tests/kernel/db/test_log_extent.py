"""How much the log holds, counted on and not anew, and the name of the log."""

import pytest
from tests.kernel.db.test_event_log import envelope, recorded
from tests.kernel.db.world import World, run_sql

from vivesphere.kernel.db import log_extent
from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.db.log_extent import Counted

pytestmark = pytest.mark.usefixtures("engine")


async def test_an_empty_log_holds_nothing(world: World) -> None:
    assert await world.system.read(log_extent.count) == Counted()
    assert await world.system.read(log_extent.read_extent) is None, "it has no name yet"


async def test_a_log_is_named_once(world: World) -> None:
    names = []
    for _ in range(2):
        await world.system.write(log_extent.name_log)
        extent = await world.system.read(log_extent.read_extent)
        assert extent is not None
        names.append(extent.log_id)
    assert names[0] == names[1]
    assert len(bytes.fromhex(names[0])) == 4


async def test_only_what_came_later_is_counted(world: World) -> None:
    def remember(tx: Unit) -> None:
        log_extent.keep(tx, log_extent.count(tx))

    await recorded(world, envelope("bots.a"), envelope("bots.b"))
    await world.system.write(remember)
    before = await world.system.read(log_extent.count)
    assert (before.newest, before.events) == (2, 2)
    assert [(before.bytes,)] == await world.system.read(run_sql, "SELECT sum(bytes) FROM event_log")
    # What was counted is not looked at again.
    await world.system.write(run_sql, "UPDATE event_log SET bytes = 1000000 WHERE seq = 1")
    await recorded(world, envelope("bots.c"))
    await world.system.write(log_extent.name_log)
    extent = await world.system.read(log_extent.read_extent)
    assert extent is not None
    assert (extent.oldest, extent.newest, extent.events) == (1, 3, 3)
    assert 0 < extent.bytes - before.bytes < 1000


async def test_an_emptied_log_remembers_its_newest(world: World) -> None:
    await recorded(world, envelope("bots.a"))
    await world.system.write(log_extent.name_log)

    def take_all(tx: Unit) -> None:
        newest = log_extent.count(tx).newest
        run_sql(tx, "DELETE FROM event_log")
        log_extent.keep(tx, Counted(newest=newest))

    await world.system.write(take_all)
    extent = await world.system.read(log_extent.read_extent)
    assert extent is not None
    assert (extent.oldest, extent.newest, extent.events, extent.bytes) == (None, 1, 0, 0)
