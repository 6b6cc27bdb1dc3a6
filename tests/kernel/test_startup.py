"""Modules start in order, keep running, and stop whatever one of them does."""

import asyncio
from types import ModuleType
from typing import Any, cast

import pytest
from tests.support.bus import BusForTests
from tests.support.clock import settle

from vivesphere.kernel.bus.messages import Envelope, Event, Request
from vivesphere.kernel.errors import StartError
from vivesphere.kernel.module import Job, Listener, Module, ModuleContext
from vivesphere.kernel.services import Health, ServiceRegistry
from vivesphere.kernel.startup import begin, check_answered, check_contracts, end, wire


class Asked(Request[int]):
    topic = "lamp.ask"


class Lit(Event):
    topic = "lamp.lit"


class _Context:
    """The parts of a ModuleContext that starting and stopping touch."""

    def __init__(self, test: BusForTests) -> None:
        self.bus = test.module("lamp")
        self.lifetime = test.lifetime
        self.services = ServiceRegistry()
        self.clock = test.clock


def context_of(test: BusForTests) -> ModuleContext:
    return cast("ModuleContext", _Context(test))


async def test_wiring_puts_everything_in_its_place() -> None:
    async with BusForTests() as test:
        heard: list[Envelope[Lit]] = []

        async def hear(envelope: Envelope[Lit]) -> None:
            heard.append(envelope)

        async def answer(request: Asked) -> int:
            return 7

        context = context_of(test)
        module = Module(
            name="lamp", responders={Asked: answer}, listeners=(Listener(Lit, hear),), health=lambda: Health("degraded")
        )
        wire(module, context)
        assert await test.module("hall").request(Asked()) == 7
        await test.module("lamp").publish(Lit())
        await settle()
        assert len(heard) == 1
        assert context.services.health() == {"lamp": Health("degraded")}
        check_answered([Asked], test.bus.answered())
        await end(module, context, 1)
        assert context.services.health() == {}


def test_a_request_nobody_answers_stops_the_start() -> None:
    with pytest.raises(StartError, match=r"Nobody answers lamp\.ask"):
        check_answered([Asked], {})


async def _never(_: Any) -> Any: ...


class Elsewhere(Event):
    topic = "hall.entered"


def page(name: str, **messages: type[Event] | type[Request[Any]]) -> ModuleType:
    """A page of contracts as `import` would make it."""
    made = ModuleType(f"vivesphere.contracts.{name}")
    for key, message in messages.items():
        setattr(made, key, type(key, (message,), {"__module__": made.__name__, "topic": message.topic}))
    return made


def test_contracts_that_keep_to_their_namespaces_start() -> None:
    modules = [Module(name="lamp", publishes=(Lit,), responders={Asked: _never}), Module(name="hall", publishes=(Elsewhere,))]
    check_contracts([page("lamp", Lit=Lit, Asked=Asked), page("hall", Elsewhere=Elsewhere)], modules)


def test_a_page_of_contracts_with_a_topic_of_another_module_stops_the_start() -> None:
    with pytest.raises(StartError, match=r"contracts/lamp\.py declares 'hall\.entered'; its topics begin with 'lamp\.'"):
        check_contracts([page("lamp", Lit=Lit, Elsewhere=Elsewhere)], [])


def test_a_module_that_speaks_in_the_name_of_another_stops_the_start() -> None:
    with pytest.raises(StartError, match=r"The module hall wants to publish lamp\.lit; its topics begin with 'hall\.'"):
        check_contracts([], [Module(name="hall", publishes=(Lit,))])
    with pytest.raises(StartError, match=r"The module hall wants to answer lamp\.ask"):
        check_contracts([], [Module(name="hall", responders={Asked: _never})])


def test_two_responders_stop_the_start_and_both_are_named() -> None:
    modules = [Module(name=name, responders={Asked: _never}) for name in ("lamp", "hall")]
    with pytest.raises(StartError, match=r"lamp\.ask is answered by lamp and by hall; a request has one responder"):
        check_contracts([], modules)


async def test_a_job_that_raises_is_begun_again_with_back_off() -> None:
    async with BusForTests() as test:
        began: list[float] = []

        async def job() -> None:
            began.append(test.clock.monotonic())
            if len(began) == 3:
                await test.clock.sleep(100)
            if len(began) < 5:
                raise ValueError("broken")

        await begin(Module(name="lamp", jobs=(Job("glow", job),)), context_of(test))
        await test.clock.advance(200)
        assert len(began) == 5
        first, second, after_a_long_run = (began[1] - began[0], began[2] - began[1], began[3] - began[2] - 100)
        assert 0.8 <= first <= 1.2
        assert 1.6 <= second <= 2.4
        assert 0.8 <= after_a_long_run <= 1.2
        assert not await test.lifetime.close()


async def test_a_stop_that_raises_or_hangs_does_not_keep_the_rest() -> None:
    for stop in (_raise, _hang):
        test = BusForTests()
        started: list[str] = []

        async def start() -> None:
            started.append("lamp")  # noqa: B023 - called within this very turn

        context = context_of(test)
        module = Module(name="lamp", start=start, stop=stop)
        await begin(module, context)
        task = context.lifetime.spawn(asyncio.Event().wait(), name="glow")
        await end(module, context, 0.01)
        assert started == ["lamp"]
        assert task.cancelled()


async def _raise() -> None:
    raise ValueError("cannot stop")


async def _hang() -> Any:
    await asyncio.Event().wait()
