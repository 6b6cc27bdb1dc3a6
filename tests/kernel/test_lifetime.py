"""A closed lifetime has released everything, or names what it could not release."""

import asyncio

import pytest
from tests.support.clock import settle

from vivesphere.kernel.lifetime import Lifetime


async def test_closing_ends_tasks_and_releases_in_reverse_order() -> None:
    order: list[str] = []
    lifetime = Lifetime("plugin:dice")

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            order.append("task")

    async def release_later() -> None:
        order.append("second")

    lifetime.spawn(work(), name="work")
    lifetime.add("first", lambda: order.append("first"))
    lifetime.add("second", release_later)
    await settle()
    assert list(lifetime.held) == ["first", "second", "plugin:dice:work"]
    assert not await lifetime.close()
    assert order == ["task", "second", "first"]
    assert list(lifetime.held) == []
    assert not await lifetime.close()


async def test_what_went_by_itself_is_forgotten() -> None:
    released: list[str] = []
    lifetime = Lifetime("x")
    forget = lifetime.add("socket", lambda: released.append("socket"))
    forget()
    forget()
    await lifetime.close()
    assert released == []


async def test_children_end_first_and_closed_children_are_dropped() -> None:
    order: list[str] = []
    parent = Lifetime("module:plugins")
    gone = parent.child("gone")
    await gone.close()
    child = parent.child("dice")
    child.add("inner", lambda: order.append("inner"))
    parent.add("outer", lambda: order.append("outer"))
    assert parent.held == ("outer", "inner")
    assert not await parent.close()
    assert order == ["inner", "outer"]
    assert child.closed


async def test_what_will_not_go_is_named() -> None:
    lifetime = Lifetime("stubborn")
    free = asyncio.Event()

    async def refuse_to_end() -> None:
        while not free.is_set():
            try:
                await free.wait()
            except asyncio.CancelledError:
                continue

    def broken() -> None:
        raise OSError("no")

    task = lifetime.spawn(refuse_to_end(), name="task")
    await settle()
    lifetime.add("broken", broken)
    left = await lifetime.close(deadline=0.01)
    assert left.items == ("stubborn:task", "broken")
    free.set()
    await task


async def test_nothing_begins_in_a_closed_lifetime() -> None:
    lifetime = Lifetime("x")
    await lifetime.close()

    async def work() -> None: ...

    with pytest.raises(RuntimeError, match="is closed"):
        lifetime.spawn(work(), name="late")
    with pytest.raises(RuntimeError, match="is closed"):
        lifetime.add("late", lambda: None)
    with pytest.raises(RuntimeError, match="is closed"):
        lifetime.child("late")


async def test_a_task_may_close_its_own_lifetime() -> None:
    lifetime = Lifetime("x")
    left: list[bool] = []

    async def close_it() -> None:
        left.append(bool(await lifetime.close()))

    await lifetime.spawn(close_it(), name="closer")
    assert left == [False]


async def test_a_task_that_raises_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    lifetime = Lifetime("x")

    async def fail() -> None:
        raise ValueError("broken")

    lifetime.spawn(fail(), name="failing")
    await settle()
    assert "task_failed" in capsys.readouterr().out
    assert lifetime.held == ()
