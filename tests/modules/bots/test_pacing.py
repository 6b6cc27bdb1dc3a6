"""How often, and in what order: loop guard, patience, lanes."""

import asyncio

import pytest

from vivesphere.kernel.lifetime import Lifetime
from vivesphere.modules.bots import loop_guard
from vivesphere.modules.bots.lanes import Lanes
from vivesphere.modules.bots.loop_guard import LoopGuard, Patience


def test_the_guard_and_patience_forget_the_channel_that_was_silent_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_guard, "CHANNELS", 2)
    guard = LoopGuard(lambda: 0.0, most=1, window=1)
    patience = Patience(most=1)
    for channel in ("a", "b", "a", "c"):
        guard.allows(channel)
        patience.holds(channel, understood=False)
    assert [guard.allows(channel) for channel in ("a", "b")] == [False, True]
    assert [patience.holds(channel, understood=False) for channel in ("a", "b")] == [False, True]


async def test_lanes_keep_order_go_on_after_a_failure_and_leave_nothing_behind() -> None:
    lifetime = Lifetime("test")
    lanes = Lanes(lifetime, at_once=1, waiting=10)
    done: list[str] = []
    idle = asyncio.Event()

    async def work(name: str) -> None:
        await asyncio.sleep(0)
        done.append(name)
        if name == "a1":
            raise RuntimeError("a mistake")
        if name == "b2":
            idle.set()

    for lane, name in (("a", "a1"), ("b", "b1"), ("a", "a2"), ("b", "b2")):
        assert lanes.put("group", lane, lambda name=name: work(name))  # type: ignore[misc]  # mypy cannot infer a lambda's default
    await idle.wait()
    assert sorted(done) == ["a1", "a2", "b1", "b2"]
    assert done.index("a1") < done.index("a2")
    assert done.index("b1") < done.index("b2")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert lifetime.held == ()
    assert lanes._lanes == {}
    assert lanes._groups == {}
    assert not await lifetime.close()
