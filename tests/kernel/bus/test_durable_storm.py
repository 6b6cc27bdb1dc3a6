"""A durable listener whose own events come round to it: the breaker puts them aside, and loses none."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.support.bus import BusForTests
from tests.support.database import open_database

from vivesphere.kernel.bus.breaker import ROUNDS
from vivesphere.kernel.bus.durable import Delivery
from vivesphere.kernel.bus.log import DatabaseDeliveryLog, DatabaseEventLog
from vivesphere.kernel.bus.messages import Event
from vivesphere.kernel.db.deliveries import deliveries
from vivesphere.kernel.db.event_log import log
from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.events import BreakerOpened
from vivesphere.kernel.principals import SYSTEM

pytestmark = pytest.mark.usefixtures("engine")


class Bred(Event, durable=True):
    topic = "hutch.bred"


async def test_a_durable_chain_that_multiplies_is_cut_off_and_put_aside(tmp_path: Path) -> None:
    async with BusForTests() as test, open_database(tmp_path, models=(), extra={}, clock=test.clock) as database:
        system = database.handle(SYSTEM)
        test.bus.record_with(DatabaseEventLog(database.handle).record)
        test.bus.read_with(DatabaseDeliveryLog(system, test.clock))
        database.hooks.dispatch = test.bus.dispatch
        hutch = test.module("hutch")

        async def breed(delivery: Delivery[Bred]) -> None:
            for _ in range(3):
                await hutch.publish(Bred())

        listener = hutch.listen_durably((Bred,), breed, name="rabbits")
        await test.bus.settled()
        await hutch.publish(Bred())
        await test.bus.settled()
        assert listener.handled < 3**6
        assert listener.breakers.tripped() == ("hutch.bred",)
        assert listener.breakers.cut > ROUNDS
        assert "is cut off from hutch.bred" in test.bus.health().detail

        def count(tx: Unit, what: sa.Select[Any]) -> int:
            return int(tx.execute(what).scalar_one())

        recorded = await system.read(count, sa.select(sa.func.count()).where(log.c.topic == "hutch.bred"))
        aside = await system.read(count, sa.select(sa.func.count()).select_from(deliveries))
        told = await system.read(count, sa.select(sa.func.count()).where(log.c.topic == BreakerOpened.topic))
        assert recorded == listener.handled + aside, "each is handled or put aside"
        assert told == 1
