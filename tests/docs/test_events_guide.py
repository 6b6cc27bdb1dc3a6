"""The guide to events is run: its module in a real server, its settings, its frame."""

import asyncio
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from tests.docs.pages import ROOT, blocks
from tests.support.application import running

from vivesphere.kernel.bus.audit_policy import AuditPolicy
from vivesphere.kernel.bus.limits import BusSettings, RateRule
from vivesphere.kernel.bus.messages import Envelope
from vivesphere.kernel.bus.retention import EventLogSettings
from vivesphere.kernel.db.event_log import HistoryQuery
from vivesphere.kernel.http.stream import Subscribe

GUIDE = ROOT / "docs/guides/events.md"


def of_language(language: str) -> list[str]:
    return [block.text for block in blocks(GUIDE) if block.info == language]


@pytest.fixture(scope="module")
def guide() -> Any:
    """All Python of the page, one block after the other, as a module."""
    made = ModuleType("guide")
    for text in of_language("python"):
        exec(compile(text, str(GUIDE), "exec"), vars(made))  # noqa: S102 - what the page tells people to write
    return made


async def test_the_module_of_the_guide_does_what_it_says(tmp_path: Path, guide: Any) -> None:
    opened: asyncio.Queue[str] = asyncio.Queue()

    async def hear(envelope: Envelope[Any]) -> None:
        opened.put_nowait(envelope.payload.door)

    async with running(tmp_path, extra={"bell": guide.build}) as server:
        context = server.context("bell")
        context.bus.listen(guide.DoorOpened, hear)
        for door in ("front", "back", "front"):
            await context.bus.publish(guide.BellRang(door=door, code="1234"))
        asked = [await guide.ring_once(context, "side", "ring-1") for _ in range(3)]
        assert asked == [guide.Rung("side")] * 3
        async with asyncio.timeout(20):
            doors = [await opened.get() for _ in range(4)]
        assert sorted(doors) == ["back", "front", "front", "side"]
        rung = (await context.history.read(HistoryQuery(pattern="bell.rang"))).items
        assert [event.payload["code"] for event in rung] == ["***"] * 4


def test_the_settings_of_the_guide_are_right() -> None:
    (text,) = of_language("toml")
    sections = tomllib.loads(text)
    bus = msgspec.convert(sections["bus"], BusSettings)
    assert AuditPolicy.parse(bus.audit).share("tools.execution.completed") == 0.1
    assert [RateRule.parse(line).rate for line in bus.publish_limits] == [50.0]
    assert msgspec.convert(sections["events"], EventLogSettings) == EventLogSettings()
    assert set(sections["bus"]) <= set(BusSettings.__struct_fields__)
    assert set(sections["events"]) <= set(EventLogSettings.__struct_fields__)


def test_the_frame_of_the_guide_is_one() -> None:
    (text,) = of_language("json")
    assert msgspec.json.decode(text, type=Subscribe) == Subscribe(topic="bots.>", after=1234, log="5f2a77c1")
