"""A share of all chains is recorded, each as a whole; and what remembers strangers' names remembers only so many."""

from typing import Any

from tests.support.bus import BusForTests
from tests.support.clock import FakeClock

from vivesphere.kernel.bus.audit_policy import AuditPolicy
from vivesphere.kernel.bus.messages import Envelope, Event
from vivesphere.kernel.bus.overview import AuditOverview
from vivesphere.kernel.bus.reports import REMEMBERED, Throttle
from vivesphere.kernel.cause import Cause, acting_under
from vivesphere.kernel.principals import SYSTEM


class Ticked(Event):
    topic = "clock.ticked"
    number: int = 0


class Kept:
    """A recorder that keeps what it is offered."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope[Any]] = []

    def offer(self, envelope: Envelope[Any]) -> None:
        self.envelopes.append(envelope)

    def overview(self) -> AuditOverview:
        return AuditOverview(recorded=len(self.envelopes))


async def test_a_sampled_chain_is_recorded_as_a_whole_or_not_at_all() -> None:
    async with BusForTests() as test:
        kept = Kept()
        test.bus.audit_with(AuditPolicy.parse(("clock.> 0.25",)), kept)
        for _ in range(400):
            with acting_under(Cause(source=SYSTEM, actor=SYSTEM)):
                for number in range(3):
                    await test.module("clock").publish(Ticked(number=number))
        chains: dict[str, list[int]] = {}
        for envelope in kept.envelopes:
            chains.setdefault(envelope.cause.correlation_id, []).append(envelope.payload.number)
        assert 60 < len(chains) < 140, "about a quarter"
        assert all(numbers == [0, 1, 2] for numbers in chains.values())
        assert test.bus.overview().audit.recorded == len(kept.envelopes)


async def test_what_is_none_is_not_recorded_and_a_reloaded_policy_holds_at_once() -> None:
    async with BusForTests() as test:
        kept = Kept()
        test.bus.audit_with(AuditPolicy.parse(("clock.> none", "> all")), kept)
        await test.module("clock").publish(Ticked())
        assert kept.envelopes == []
        test.bus.change(test.bus.limits.settings, AuditPolicy.parse(("> all",)))
        await test.module("clock").publish(Ticked())
        assert len(kept.envelopes) == 1


def test_a_throttle_remembers_only_so_many_subjects() -> None:
    throttle = Throttle(FakeClock())
    for number in range(REMEMBERED + 5):
        assert throttle.due(number) == 1
    assert len(throttle._told) == REMEMBERED
