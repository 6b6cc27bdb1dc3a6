"""What may cross the bus, and what is refused at its edge with a reason."""

from typing import Any

import msgspec
import pytest
from tests.support.bus import BusForTests

from vivesphere.kernel.bus.audit_policy import AuditPolicy
from vivesphere.kernel.bus.delivery_log import Due
from vivesphere.kernel.bus.errors import NotPermitted, PayloadInvalid
from vivesphere.kernel.bus.limits import BusSettings
from vivesphere.kernel.bus.messages import Envelope, Event
from vivesphere.kernel.cause import Cause
from vivesphere.kernel.permissions import Permissions
from vivesphere.kernel.principals import SYSTEM


class Said(Event):
    topic = "hall.said"
    text: str = ""
    source: str = ""


class Kept(Event, durable=True):
    topic = "hall.kept"
    details: dict[str, Any] = msgspec.field(default_factory=dict)


class Guarded(Event):
    topic = "hall.guarded"
    permission = "hall.read"


async def test_a_payload_beyond_the_limit_is_refused_with_both_sizes() -> None:
    async with BusForTests(settings=BusSettings(max_payload=1024)) as test:
        await test.module("hall").publish(Said(text="x" * 1000))
        with pytest.raises(PayloadInvalid, match=r"carries 20\d\d bytes; at most 1024 may cross.*bus\.max_payload"):
            await test.module("hall").publish(Said(text="x" * 2000))
        with pytest.raises(PayloadInvalid):
            await test.module("hall").publish(Kept(details={"a": "x" * 2000}))
        assert test.recorded == []
        assert test.bus.overview().refused == {"payload-invalid": 2}
        test.bus.change(BusSettings(max_payload=4096), AuditPolicy.parse(()))
        await test.module("hall").publish(Said(text="x" * 2000))


@pytest.mark.parametrize(
    "event",
    [
        Said(text=5),  # type: ignore[arg-type]  # the point of the test
        Kept(details={"a": object()}),
        Kept(details={"a": "\ud800"}),
        Kept(details=[]),  # type: ignore[arg-type]  # the point of the test
    ],
)
async def test_a_payload_of_the_wrong_type_is_refused(event: Event) -> None:
    async with BusForTests() as test:
        with pytest.raises(PayloadInvalid, match=r"contract says|cannot be written down"):
            await test.module("hall").publish(event)
        assert test.bus.overview().refused == {"payload-invalid": 1}
        assert test.recorded == []


async def test_a_payload_that_holds_itself_is_refused() -> None:
    async with BusForTests() as test:
        round_and_round: dict[str, Any] = {}
        round_and_round["again"] = round_and_round
        with pytest.raises(PayloadInvalid, match="cannot be written down"):
            await test.module("hall").publish(Kept(details=round_and_round))


async def test_a_source_in_the_payload_is_nobodys_identity() -> None:
    async with BusForTests() as test:
        seen: list[Envelope[Said]] = []

        async def hear(envelope: Envelope[Said]) -> None:
            seen.append(envelope)

        listener = test.module("cellar").listen(Said, hear)
        await test.module("hall").publish(Said(source="system"))
        await listener.drained()
        assert (seen[0].cause.source, seen[0].cause.actor) == ("module:hall", "module:hall")


async def test_a_plugin_is_told_at_once_that_it_may_not_hear() -> None:
    permissions = Permissions()
    async with BusForTests(permissions=permissions) as test:
        bird = test.plugin("bird")

        async def hear(envelope: Envelope[Guarded]) -> None: ...

        with pytest.raises(NotPermitted, match=r"plugin:bird lacks the permission hall\.read to hear hall\.guarded"):
            bird.listen(Guarded, hear)
        permissions.grant_plugin(bird.principal, frozenset({"hall.read"}))
        listener = bird.listen(Guarded, hear)
        await test.module("hall").publish(Guarded())
        await listener.drained()
        assert listener.handled == 1


class Measured(Event, durable=True):
    topic = "hall.measured"
    degrees: float = 0.0
    by_room: dict[int, float] = msgspec.field(default_factory=dict)


class Unlocked(Event, durable=True):
    topic = "hall.unlocked"
    secret = frozenset({"code"})
    code: int = 0


async def test_what_the_log_could_not_give_back_is_refused_before_it_is_written() -> None:
    async with BusForTests() as test:
        for event in (Measured(degrees=float("nan")), Measured(degrees=float("-inf")), Unlocked(code=1234)):
            with pytest.raises(PayloadInvalid, match="not what its contract says"):
                await test.module("hall").publish(event)
        with pytest.raises(PayloadInvalid, match=r"carries \d+ bytes"):
            await test.module("hall").publish(Kept(details={"a": "\x00" * 100_000}))
        assert test.recorded == []


async def test_the_log_gives_back_keys_that_json_writes_as_text() -> None:
    async with BusForTests() as test:
        said = Measured(by_room={1: 20.5})
        await test.module("hall").publish(said)
        cause, kept = Cause(source=SYSTEM, actor=SYSTEM), msgspec.json.decode(msgspec.json.encode(said))
        due = Due(seq=1, id="e1", topic=Measured.topic, time=test.clock.now(), cause=cause, payload=kept)
        assert due.envelope(Measured).payload == said


async def test_what_is_nested_so_deeply_that_a_reader_could_stumble_is_refused() -> None:
    async with BusForTests() as test:
        refused = 0
        for depth in range(100, 1000, 10):
            nested: dict[str, Any] = {}
            for _ in range(depth):
                nested = {"a": nested}
            try:
                await test.module("hall").publish(Kept(details=nested))
            except PayloadInvalid:
                refused += 1
            else:
                assert refused == 0
                assert depth < 900
        assert refused > 10
