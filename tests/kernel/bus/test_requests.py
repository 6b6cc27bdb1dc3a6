"""How many requests one responder answers at once, and how deadlines and nesting go with that."""

import asyncio

import pytest
from tests.support.bus import BusForTests
from tests.support.clock import settle

from vivesphere.kernel.bus.audit_policy import AuditPolicy
from vivesphere.kernel.bus.errors import PayloadInvalid, RequestTimeout
from vivesphere.kernel.bus.limits import BusSettings
from vivesphere.kernel.bus.messages import Request


class Add(Request[int]):
    topic = "sums.add"
    number: int = 0


async def test_further_askers_wait_for_their_turn_in_order() -> None:
    async with BusForTests() as test:
        running = most = 0
        order: list[int] = []
        gate = asyncio.Event()

        async def add(request: Add) -> int:
            nonlocal running, most
            running += 1
            most = max(most, running)
            order.append(request.number)
            await gate.wait()
            running -= 1
            return request.number

        test.module("sums").respond(Add, add, concurrency=2)
        asks = [asyncio.create_task(test.module("hall").request(Add(number=number))) for number in range(5)]
        await settle()
        (seen,) = test.bus.overview().responders
        assert (seen.topic, seen.running, seen.waiting, seen.limit) == ("sums.add", 2, 3, 2)
        gate.set()
        assert await asyncio.gather(*asks) == [0, 1, 2, 3, 4]
        assert (most, order) == (2, [0, 1, 2, 3, 4])
        assert test.bus.overview().responders[0].answered == 5


async def test_the_wait_for_a_turn_counts_against_the_deadline() -> None:
    async with BusForTests() as test:
        gate = asyncio.Event()

        async def add(request: Add) -> int:
            await gate.wait()
            return 1

        test.module("sums").respond(Add, add, concurrency=1)
        first = asyncio.create_task(test.module("hall").request(Add()))
        await settle()
        with pytest.raises(RequestTimeout):
            await test.module("hall").request(Add(), timeout=0)
        assert test.bus.overview().refused == {"request-timeout": 1}
        gate.set()
        assert await first == 1


async def test_whoever_asks_from_inside_its_own_answer_waits_for_nobody() -> None:
    async with BusForTests() as test:
        hall = test.module("hall")

        async def add(request: Add) -> int:
            return 1 + (await hall.request(Add(number=request.number - 1)) if request.number else 0)

        test.module("sums").respond(Add, add, concurrency=1)
        assert await hall.request(Add(number=5)) == 6


async def test_another_limit_takes_effect_at_once_but_for_those_who_named_their_own() -> None:
    async with BusForTests(settings=BusSettings(request_concurrency=1)) as test:
        gate = asyncio.Event()

        async def add(request: Add) -> int:
            await gate.wait()
            return 1

        class Multiply(Request[int]):
            topic = "sums.multiply"

        test.module("sums").respond(Add, add)
        test.module("sums").respond(Multiply, add, concurrency=7)
        test.bus.change(BusSettings(request_concurrency=3), AuditPolicy.parse(()))
        asks = [asyncio.create_task(test.module("hall").request(Add())) for _ in range(4)]
        await settle()
        assert [(each.running, each.limit) for each in test.bus.overview().responders] == [(3, 3), (0, 7)]
        gate.set()
        await asyncio.gather(*asks)


async def test_a_responder_answers_at_least_one() -> None:
    async with BusForTests() as test:

        async def add(request: Add) -> int:
            return 1

        with pytest.raises(ValueError, match="at least"):
            test.module("sums").respond(Add, add, concurrency=0)


async def test_a_request_of_the_wrong_type_is_refused_before_anybody_answers() -> None:
    async with BusForTests() as test:

        async def add(request: Add) -> int:
            raise AssertionError("nobody may see this")

        test.module("sums").respond(Add, add)
        with pytest.raises(PayloadInvalid, match=r"sums\.add is not what its contract says: .*number"):
            await test.module("hall").request(Add(number="three"))  # type: ignore[arg-type]  # the point of the test
