"""That an event was handled is said in the handler's own commit: by whom it came to, and at nobody else's cost."""

from functools import partial

import pytest
import sqlalchemy as sa
from tests.kernel.db.world import World, notes, put, together

from vivesphere.kernel.bus.errors import NotPermitted
from vivesphere.kernel.bus.in_flight import Acknowledgement, InFlight
from vivesphere.kernel.db import deliveries

pytestmark = pytest.mark.usefixtures("engine")

MINE = "module:notes/index"
THEIRS = "module:letters/index"


async def cursor(world: World, listener: str) -> int:
    seq: int = await world.system.read(
        lambda tx: tx.execute(sa.select(deliveries.cursors.c.seq).where(deliveries.cursors.c.listener == listener)).scalar_one()
    )
    return seq


async def test_what_came_to_another_is_not_acknowledged(world: World) -> None:
    await world.system.write(deliveries.open_cursor, THEIRS)
    for name in (THEIRS, "module:notes-too/index", "module:notes"):
        with pytest.raises(NotPermitted, match=f"module:notes cannot say that {name} has handled"):
            await world.notes.acknowledge(Acknowledgement(name, 99, InFlight(0)), put, notes, "forged")
    assert await cursor(world, THEIRS) == 0
    assert await world.bodies(notes) == []


async def test_to_acknowledge_twice_in_one_commit_costs_nobody_anything(world: World) -> None:
    await world.system.write(deliveries.open_cursor, MINE)
    flight = InFlight(0)
    flight.take(1)
    flight.take(2)
    twice = Acknowledgement(MINE, 2, flight)
    answers = await together(
        world.system,
        partial(world.notes.acknowledge, twice, put, notes, "one"),
        partial(world.notes.acknowledge, twice, put, notes, "two"),
        partial(world.notes.write, put, notes, "a neighbour"),
    )
    assert answers == ["one", "two", "a neighbour"]
    assert await cursor(world, MINE) == 0
    rows = await world.system.read(
        lambda tx: tx.execute(sa.select(deliveries.deliveries.c.seq, deliveries.deliveries.c.status)).all()
    )
    assert [tuple(row) for row in rows] == [(2, "done")]
