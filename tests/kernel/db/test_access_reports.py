"""Refused table access is told, but never so often that it could fill the log."""

from tests.support.clock import FakeClock

from vivesphere.kernel.cause import Cause
from vivesphere.kernel.db.access_reports import TABLES, AccessReports
from vivesphere.kernel.events import TableAccessDenied
from vivesphere.kernel.principals import SYSTEM, Principal, plugin

DICE, ECHO = plugin("dice"), plugin("echo")
CAUSE = Cause(source=SYSTEM, actor=SYSTEM)


class World:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.told: list[TableAccessDenied] = []
        self.reports = AccessReports(self.clock, self.tell)

    def tell(self, denied: TableAccessDenied, cause: Cause) -> None:
        assert cause is CAUSE
        self.told.append(denied)

    def refuse(self, principal: Principal, table: str) -> None:
        self.reports(TableAccessDenied(principal=principal, action="read", table=table), CAUSE)


def denied(principal: Principal, table: str, refused: int = 1) -> TableAccessDenied:
    return TableAccessDenied(principal=principal, action="read", table=table, refused=refused)


async def test_a_table_is_told_of_once_a_second_with_what_was_silent() -> None:
    world = World()
    for _ in range(4):
        world.refuse(DICE, "users")
    assert world.told == [denied(DICE, "users")]
    await world.clock.advance(0.9)
    world.refuse(DICE, "users")
    await world.clock.advance(0.1)
    world.refuse(DICE, "users")
    assert world.told[1:] == [denied(DICE, "users", 5)]


async def test_other_tables_and_other_principals_are_told_at_once() -> None:
    world = World()
    for principal, table in ((DICE, "users"), (DICE, "sessions"), (ECHO, "users")):
        world.refuse(principal, table)
    assert world.told == [denied(DICE, "users"), denied(DICE, "sessions"), denied(ECHO, "users")]


async def test_names_that_somebody_makes_up_are_told_of_together() -> None:
    world = World()
    for number in range(TABLES + 100):
        world.refuse(DICE, f"temp.t{number}")
    assert [event.table for event in world.told] == [f"temp.t{number}" for number in range(TABLES + 1)]
    world.refuse(ECHO, "users")
    assert world.told[-1] == denied(ECHO, "users")
    await world.clock.advance(1.0)
    for number in range(1000, 1000 + TABLES + 1):
        world.refuse(DICE, f"temp.t{number}")
    assert world.told[-1].refused == 100
    assert sum(event.refused for event in world.told if event.principal == DICE) == TABLES + 100 + TABLES + 1
