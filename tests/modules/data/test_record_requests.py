"""Records over the bus: for plans, and for plugins to whom a person has granted the table."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.modules.data.world import ADA, World

from vivesphere.contracts.data import (
    DataRefused,
    DeleteRecord,
    FindRecords,
    GetRecord,
    PutRecord,
    RecordGone,
    RecordKept,
    RecordsFound,
)
from vivesphere.kernel import principals
from vivesphere.kernel.bus.errors import NotPermitted
from vivesphere.kernel.bus.handle import BusHandle
from vivesphere.kernel.bus.messages import Request
from vivesphere.kernel.cause import Cause, acting_under
from vivesphere.kernel.db.access import Action, Granted

DICE = principals.plugin("dice")
pytestmark = pytest.mark.usefixtures("engine")

NOBODY = "00000000-0000-7000-8000-000000000000"


def asker(world: World, bus: BusHandle) -> Callable[[Request[Any]], Awaitable[Any]]:
    for request, handler in world.module.responders.items():
        world.http.bus.module("data").respond(request, handler)
    return bus.request


def grant(world: World, *actions: Action) -> None:
    access = world.database.access
    access.replace(access.describe(), [Granted(DICE, action, "data_leads") for action in actions])


async def test_a_module_finds_makes_changes_and_deletes_records(world: World) -> None:
    await world.create()
    ask = asker(world, world.http.bus.module("plans"))
    made = await ask(PutRecord(table="leads", record={"name": "Ada", "age": 1}))
    assert isinstance(made, RecordKept)
    record_id = made.record["id"]
    changed = await ask(PutRecord(table="leads", record_id=record_id, record={"age": 2}, version=1))
    assert isinstance(changed, RecordKept)
    assert (changed.record["age"], changed.record["version"]) == (2, 2)
    assert await ask(GetRecord(table="leads", record_id=record_id)) == changed
    for number in range(3):
        await ask(PutRecord(table="leads", record={"name": f"n{number}"}))
    first = await ask(FindRecords(table="leads", filter={"name": {"$like": "n%"}}, sort="name", limit=2))
    assert isinstance(first, RecordsFound)
    rest = await ask(FindRecords(table="leads", filter={"name": {"$like": "n%"}}, sort="name", cursor=first.cursor))
    assert [each["name"] for each in (*first.records, *rest.records)] == ["n0", "n1", "n2"]
    assert rest.cursor is None
    assert await ask(DeleteRecord(table="leads", record_id=record_id, version=2)) == RecordGone()


async def test_refusals_are_replies_with_a_reason(world: World) -> None:
    await world.create()
    ask = asker(world, world.http.bus.module("plans"))
    kept = await ask(PutRecord(table="leads", record={"name": "Ada", "email": "a@x"}))
    for request, reason in (
        (GetRecord(table="nowhere", record_id=NOBODY), "not_found"),
        (GetRecord(table="leads", record_id=NOBODY), "not_found"),
        (FindRecords(table="leads", sort="nope"), "invalid"),
        (PutRecord(table="leads", record={}), "invalid"),
        (PutRecord(table="leads", record={"name": "Bob", "email": "a@x"}), "conflict"),
        (PutRecord(table="leads", record={"age": 1}, record_id=kept.record["id"], version=9), "conflict"),
        (DeleteRecord(table="leads", record_id=NOBODY), "not_found"),
    ):
        refused = await ask(request)
        assert isinstance(refused, DataRefused), request
        assert refused.reason == reason
    assert (await ask(PutRecord(table="leads", record={}))).detail.endswith("/name: is required.")


async def test_a_plugin_needs_the_permission_and_the_grant(world: World) -> None:
    await world.create()
    ask = asker(world, world.http.bus.plugin("dice"))
    with pytest.raises(NotPermitted):
        await ask(FindRecords(table="leads"))
    world.http.bus.permissions.grant_plugin(DICE, frozenset({"data.record.>"}))
    refused = await ask(FindRecords(table="leads"))
    assert refused == DataRefused(
        reason="not_permitted", detail="plugin:dice may not read the table 'leads': nobody has granted that."
    )
    grant(world, "read")
    assert await ask(FindRecords(table="leads")) == RecordsFound(records=())
    for request in (
        PutRecord(table="leads", record={"name": "Ada"}),
        DeleteRecord(table="leads", record_id=NOBODY),
    ):
        assert (await ask(request)).reason == "not_permitted"
    grant(world, "write")
    assert isinstance(await ask(PutRecord(table="leads", record={"name": "Ada"})), RecordKept)
    assert (await ask(GetRecord(table="leads", record_id=NOBODY))).reason == "not_permitted"


async def test_a_plugin_for_whom_another_asks_needs_the_grant_as_well(world: World) -> None:
    await world.create()
    world.http.bus.permissions.grant_plugin(DICE, frozenset({"data.record.>"}))
    ask = asker(world, world.http.bus.module("plans"))
    with acting_under(Cause(source=principals.module("plans"), actor=DICE)):
        assert (await ask(FindRecords(table="leads"))).reason == "not_permitted"
    with acting_under(Cause(source=principals.module("plans"), actor=ADA)):
        assert isinstance(await ask(FindRecords(table="leads")), RecordsFound)
