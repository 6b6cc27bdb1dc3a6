"""Room for units that wait: bounded, shared, and never lost to who gives up."""

import asyncio

import pytest

from vivesphere.kernel import principals
from vivesphere.kernel.db.places import Places

FLOODER = principals.module("flooder")
OTHER = principals.module("other")
THIRD = principals.module("third")


async def queued(places: Places, *who: principals.Principal) -> list["asyncio.Task[None]"]:
    """Callers that have asked, in this order; each either has its place or waits."""
    tasks = [asyncio.ensure_future(places.take(each)) for each in who]
    await asyncio.sleep(0)
    return tasks


def served(tasks: list["asyncio.Task[None]"]) -> list[int]:
    return [number for number, task in enumerate(tasks) if task.done()]


async def test_one_may_take_so_many_and_the_next_waits_its_turn() -> None:
    places = Places(each=2, everyone=10)
    tasks = await queued(places, *[FLOODER] * 4)
    assert (served(tasks), places.taken, places.waiting) == ([0, 1], 2, 2)
    places.give_back(FLOODER)
    await asyncio.sleep(0)
    assert (served(tasks), places.taken, places.waiting) == ([0, 1, 2], 2, 1)


async def test_a_newcomer_goes_before_those_who_have_more() -> None:
    places = Places(each=10, everyone=3)
    tasks = await queued(places, *[FLOODER] * 6, OTHER, THIRD)
    assert served(tasks) == [0, 1, 2]
    places.give_back(FLOODER)
    await asyncio.sleep(0)
    assert served(tasks) == [0, 1, 2, 6]
    places.give_back(FLOODER)
    await asyncio.sleep(0)
    assert served(tasks) == [0, 1, 2, 6, 7]
    places.give_back(FLOODER)
    await asyncio.sleep(0)
    assert served(tasks) == [0, 1, 2, 3, 6, 7]
    assert (places.taken, places.waiting) == (3, 2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_flood_at_its_own_bound_takes_nothing_from_the_others() -> None:
    places = Places(each=2, everyone=4)
    flood = await queued(places, *[FLOODER] * 100)
    others = await queued(places, OTHER, OTHER)
    assert (len(served(flood)), len(served(others))) == (2, 2)
    for task in flood:
        task.cancel()
    await asyncio.gather(*flood, return_exceptions=True)
    assert places.waiting == 0


async def test_who_gives_up_in_the_line_leaves_it() -> None:
    places = Places(each=1, everyone=1)
    _, leaves, stays = await queued(places, FLOODER, FLOODER, FLOODER)
    leaves.cancel()
    await asyncio.wait([leaves])
    assert (leaves.cancelled(), places.waiting) == (True, 1)
    places.give_back(FLOODER)
    await stays
    places.give_back(FLOODER)
    assert (places.taken, places.waiting) == (0, 0)


async def test_a_place_that_comes_with_the_cancellation_is_given_back() -> None:
    places = Places(each=1, everyone=1)
    _, first, second = await queued(places, FLOODER, OTHER, THIRD)
    places.give_back(FLOODER)
    first.cancel()
    await asyncio.wait([first])
    assert first.cancelled()
    await second
    places.give_back(THIRD)
    assert (places.taken, places.waiting) == (0, 0)


async def test_who_was_cancelled_is_passed_over_by_a_place_that_comes_after() -> None:
    places = Places(each=1, everyone=1)
    _, first, second = await queued(places, FLOODER, OTHER, THIRD)
    first.cancel()
    # The task has not run yet, so it stands in the line still.
    places.give_back(FLOODER)
    await asyncio.wait([first])
    await second
    assert first.cancelled()
    places.give_back(THIRD)
    assert (places.taken, places.waiting) == (0, 0)


async def test_nobody_is_remembered_who_has_nothing() -> None:
    places = Places()
    for number in range(100):
        await places.take(principals.user(str(number)))
        places.give_back(principals.user(str(number)))
    assert not places._taken_by
    assert not places._lines


@pytest.mark.parametrize("everyone", [1, 3, 7])
async def test_however_they_come_and_go_none_is_lost(everyone: int) -> None:
    places = Places(each=2, everyone=everyone)
    most = 0

    async def caller(principal: principals.Principal, number: int) -> None:
        nonlocal most
        await places.take(principal)
        most = max(most, places.taken)
        try:
            for _ in range(number % 3):
                await asyncio.sleep(0)
        finally:
            places.give_back(principal)

    tasks = [asyncio.ensure_future(caller(who, number)) for number in range(60) for who in (FLOODER, OTHER, THIRD)]
    for number in range(40):
        await asyncio.sleep(0)
        tasks[number * 4 + 1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (places.taken, places.waiting) == (0, 0)
    assert most == min(everyone, 6)
