"""The journal of effects: a key is acted on once, and what a crash left open is not guessed."""

import msgspec
import pytest
from tests.kernel.db.world import NOTES, World
from tests.support.clock import FakeClock

from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.db import effect_records
from vivesphere.kernel.db.effect_records import EffectRecord, Outcome, Status
from vivesphere.kernel.db.errors import AccessDenied
from vivesphere.kernel.ids import new_id

pytestmark = pytest.mark.usefixtures("engine")

NOW = FakeClock().now()


def act(key: str | None = "key", payload: JSON = None) -> EffectRecord:
    return EffectRecord(
        id=new_id(),
        kind="http",
        target="https://example.org",
        source=NOTES,
        actor=NOTES,
        project="default",
        correlation_id="c",
        created_at=NOW,
        payload=payload,
        idempotency_key=key,
    )


async def test_an_intent_is_kept_as_it_was_and_finished(world: World) -> None:
    first = act(payload={"to": ["ada"], "n": None})
    assert await world.system.write(effect_records.intend, first) == first
    assert await world.system.read(effect_records.find, "key") == first
    await world.system.write(effect_records.finish, first.id, "done", {"id": 7}, "sent")
    assert await world.system.read(effect_records.find, "key") == msgspec.structs.replace(
        first, status="done", result={"id": 7}, detail="sent", finished_at=NOW
    )
    assert await world.system.read(effect_records.find, "another") is None


@pytest.mark.parametrize("status", ["done", "unknown", "intended"])
async def test_a_key_seen_before_gives_the_first_record(world: World, status: Status) -> None:
    first, second = act(), act()
    await world.system.write(effect_records.intend, first)
    await world.system.write(effect_records.finish, first.id, status)
    assert (await world.system.write(effect_records.intend, second)).id == first.id


async def test_a_failed_act_gives_way_to_the_next_under_its_key(world: World) -> None:
    first, second = act(), act()
    await world.system.write(effect_records.intend, first)
    await world.system.write(effect_records.finish, first.id, "failed", None, "no answer")
    assert await world.system.write(effect_records.intend, second) == second
    assert await world.system.read(effect_records.find, "key") == second


async def test_acts_without_a_key_do_not_meet(world: World) -> None:
    for _ in range(2):
        record = act(key=None)
        assert await world.system.write(effect_records.intend, record) == record


async def test_what_an_earlier_process_left_open_is_unknown(world: World) -> None:
    for key in ("a", "b", "c"):
        record = act(key)
        await world.system.write(effect_records.intend, record)
    await world.system.write(effect_records.finish, record.id, "done")
    assert await world.system.write(effect_records.leave_unknown) == 2
    assert await world.system.write(effect_records.leave_unknown) == 0
    unknown = await world.system.read(effect_records.find, "a")
    assert unknown is not None
    assert unknown.status == "unknown"


@pytest.mark.parametrize(("outcome", "status"), [("done", "done"), ("retry", "failed")])
async def test_a_person_decides_what_became_of_it(world: World, outcome: Outcome, status: Status) -> None:
    await world.system.write(effect_records.intend, act())
    await world.system.write(effect_records.leave_unknown)
    decided = await world.system.write(effect_records.resolve, "key", outcome)
    assert decided is not None
    assert (decided.status, decided.finished_at) == (status, NOW)
    assert await world.system.write(effect_records.resolve, "another", outcome) is None


async def test_what_is_known_is_not_decided_again(world: World) -> None:
    record = act()
    await world.system.write(effect_records.intend, record)
    await world.system.write(effect_records.finish, record.id, "done", 1)
    decided = await world.system.write(effect_records.resolve, "key", "retry")
    assert decided is not None
    assert (decided.status, decided.result) == ("done", 1)


async def test_nobody_else_reaches_the_journal(world: World) -> None:
    with pytest.raises(AccessDenied):
        await world.notes.write(effect_records.intend, act())
