"""Dead letters and replay: what a person may do about events that a durable listener is through with."""

import asyncio
from pathlib import Path

import pytest
from tests.kernel.bus.test_durable import NAME, Rang, World, tens, world

from vivesphere.kernel.bus import redelivery as redelivery_module
from vivesphere.kernel.bus.durable import Delivery, DurableSubscription
from vivesphere.kernel.bus.errors import ListenerUnknown, TopicInvalid
from vivesphere.kernel.bus.redelivery import Redelivery, Replayed
from vivesphere.kernel.cause import Mode, current_cause
from vivesphere.kernel.db import deliveries
from vivesphere.kernel.db.event_log import HistoryQuery

pytestmark = pytest.mark.usefixtures("engine")

EVERYTHING = HistoryQuery()


def of(test: World) -> Redelivery:
    return Redelivery(test.system, test.running)


async def buried(test: World, *numbers: int) -> DurableSubscription:
    """A listener that has given these up at the first try."""
    test.fail = lambda _: True
    listener = test.start(max_deliver=1)
    await test.idle()
    await test.ring(*numbers)
    await test.until(lambda: listener.dead == len(numbers))
    await test.idle()
    test.heard.clear()
    return listener


async def test_dead_letters_are_read_newest_first_page_by_page(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        await buried(test, 1, 2, 3)
        first = await of(test).dead_letters(limit=2)
        assert [letter.event.payload["number"] for letter in first] == [3, 2]
        assert {(letter.listener, letter.attempts) for letter in first} == {(NAME, 1)}
        assert [letter.error for letter in first] == ["ValueError: cannot open for 3", "ValueError: cannot open for 2"]
        assert first[0].failed_at == test.clock.now()
        (last,) = await of(test).dead_letters(limit=2, before=first[-1].id)
        assert last.event.payload == {"number": 1}
        assert await of(test).find(last.id) == last
        assert await of(test).find("0198c0de-0000-7000-8000-000000000000") is None


async def test_dead_letters_are_narrowed_by_listener_and_topic(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        await buried(test, 1)
        asked = of(test).dead_letters
        assert [len(await asked(topic=topic)) for topic in ("door.>", "*.bell.*", "door.bell.rang", "hall.>")] == [1, 1, 1, 0]
        assert [len(await asked(listener=name)) for name in (NAME, "module:hall/other")] == [1, 0]
        with pytest.raises(TopicInvalid):
            await asked(topic="door..rang")


async def test_a_retried_letter_is_tried_as_if_for_the_first_time(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        listener = await buried(test, 1, 2)
        letters = await of(test).dead_letters()
        attempts: list[tuple[int, bool]] = []

        async def note(delivery: Delivery[Rang]) -> None:
            attempts.append((delivery.attempt, delivery.replayed))

        test.handler = note
        assert await of(test).retry([letters[0].id, "unknown"]) == 1
        await test.until(lambda: attempts)
        await test.idle()
        assert attempts == [(1, False)]
        assert (listener.dead, await test.rows()) == (1, [(1, "dead")])
        assert await of(test).retry([letters[0].id]) == 0
        assert await of(test).find(letters[0].id) is None


async def test_a_letter_that_fails_again_is_the_same_letter(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        await buried(test, 1)
        (letter,) = await of(test).dead_letters()
        assert await of(test).retry([letter.id]) == 1
        await test.until(lambda: test.heard == [1])
        await test.idle()
        assert await of(test).dead_letters() == (letter,)


async def test_a_dropped_letter_is_gone_and_its_event_stays(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        listener = await buried(test, 1, 2)
        letters = await of(test).dead_letters()
        assert await of(test).drop([letter.id for letter in letters]) == 2
        await test.idle()
        assert (listener.dead, await test.rows()) == (0, [])
        assert await of(test).drop([letters[0].id]) == 0


async def test_a_letter_dropped_ahead_of_the_cursor_does_not_come_again(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        gate = asyncio.Event()

        async def work(delivery: Delivery[Rang]) -> None:
            test.heard.append(delivery.event.number)
            if delivery.event.number == 20:
                raise ValueError("no")
            await gate.wait()

        test.handler = work
        listener = test.start(lanes=2, key=tens, max_deliver=1)
        await test.idle()
        await test.ring(10, 20)
        await test.until(lambda: listener.dead == 1)
        (letter,) = await of(test).dead_letters()
        assert await of(test).drop([letter.id]) == 1
        assert await test.rows() == [(2, "done")]
        await test.kill()
        gate.set()
        test.start(lanes=2, key=tens)
        await test.idle()
        assert (test.heard, await test.rows(), await test.cursor()) == ([10, 20, 10], [], 2)


async def test_letters_of_a_listener_that_does_not_run_wait_until_it_does(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        await buried(test, 1)
        await test.kill()
        gone = Redelivery(test.system, lambda: ())
        (letter,) = await gone.dead_letters(listener=NAME)
        assert await gone.retry([letter.id]) == 1
        test.fail = lambda _: False
        test.start()
        await test.until(lambda: test.heard == [1])
        await test.idle()
        assert await test.rows() == []


async def test_replay_gives_one_listener_events_again_marked_as_such(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        heard: list[tuple[int, int, bool, Mode | None]] = []

        async def note(delivery: Delivery[Rang]) -> None:
            cause = current_cause()
            heard.append((delivery.event.number, delivery.attempt, delivery.replayed, None if cause is None else cause.mode))

        test.handler = note
        listener = test.start()
        await test.idle()
        await test.ring(1, 2, 3)
        await test.idle()
        heard.clear()
        assert of(test).listeners() == (NAME,)
        second = HistoryQuery(pattern="door.>", category="door", before=3)
        dry = await of(test).replay(second, NAME, dry_run=True)
        assert dry == await of(test).replay(second, NAME, dry_run=False) == Replayed(2, 2, 0, more=False)
        await test.until(lambda: listener.handled == 5)
        assert heard == [(1, 1, True, Mode.REPLAY), (2, 1, True, Mode.REPLAY)]
        await test.idle()
        assert (await test.rows(), await test.cursor()) == ([], 3)


async def test_replay_takes_only_what_the_listener_hears_and_the_query_asks_for(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        test.start()
        await test.idle()
        await test.ring(1)
        await test.idle()
        asked = of(test).replay
        for query in (HistoryQuery(pattern="door.knocked"), HistoryQuery(category="hall"), HistoryQuery(source="module:hall")):
            assert await asked(query, NAME, dry_run=False) == Replayed(0, 0, 0, more=False)
        assert (await asked(EVERYTHING, NAME, dry_run=False, only=lambda topic: topic != Rang.topic)).matched == 0
        with pytest.raises(TopicInvalid):
            await asked(HistoryQuery(pattern="door..rang"), NAME, dry_run=True)
        with pytest.raises(ListenerUnknown, match="hall/gone runs; those that run: module:hall/bell"):
            await asked(EVERYTHING, "module:hall/gone", dry_run=True)
        await test.idle()
        assert test.heard == [1]


async def test_replay_skips_what_waits_or_was_not_reached_and_retries_what_is_dead(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        gate = asyncio.Event()
        replayed: list[tuple[int, bool]] = []

        async def work(delivery: Delivery[Rang]) -> None:
            number = delivery.event.number
            if number == 5:
                await gate.wait()
            elif not gate.is_set() and (number == 2 or (number == 3 and delivery.attempt == 1)):
                raise ValueError("no")
            replayed.append((number, delivery.replayed))

        test.handler = work
        listener = test.start(max_deliver=2)
        await test.idle()
        await test.ring(1, 2)
        await test.idle()
        await test.clock.advance(1)
        await test.until(lambda: listener.dead == 1)
        await test.ring(3, 4)
        await test.until(lambda: listener.failed == 3)
        await test.ring(5, 6)
        await test.until(lambda: listener.lag == 2)
        # 1 and 4 were handled, 2 is dead, 3 waits, 5 is in hand, 6 behind it.
        assert await of(test).replay(EVERYTHING, NAME, dry_run=True) == Replayed(6, 3, 3, more=False)
        assert await of(test).replay(EVERYTHING, NAME, dry_run=False) == Replayed(6, 3, 3, more=False)
        assert await of(test).replay(EVERYTHING, NAME, dry_run=False) == Replayed(6, 0, 6, more=False)
        replayed.clear()
        gate.set()
        await test.idle()
        await test.clock.advance(100)
        await test.idle()
        assert sorted(replayed) == [(1, True), (2, False), (3, False), (4, True), (5, False), (6, False)]
        assert (listener.dead, await test.rows(), await test.cursor()) == (0, [], 6)


async def test_a_replayed_event_that_fails_comes_again_as_a_replay(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        attempts: list[tuple[int, bool]] = []

        async def fail_once(delivery: Delivery[Rang]) -> None:
            attempts.append((delivery.attempt, delivery.replayed))
            if delivery.replayed and delivery.attempt == 1:
                raise ValueError("no")

        test.handler = fail_once
        # What is replayed holds nothing up, even where the first time would have.
        listener = test.start(ordered=True)
        await test.idle()
        await test.ring(1)
        await test.idle()
        await of(test).replay(EVERYTHING, NAME, dry_run=False)
        await test.until(lambda: listener.failed == 1)
        await test.idle()
        assert listener.blocked is None
        await test.ring(2)
        await test.until(lambda: len(attempts) == 3)
        await test.clock.advance(1)
        await test.until(lambda: len(attempts) == 4)
        await test.idle()
        assert attempts == [(1, False), (1, True), (1, False), (2, True)]


async def test_replay_says_when_there_is_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redelivery_module, "CHUNK", 2)
    monkeypatch.setattr("vivesphere.kernel.bus.durable.IN_FLIGHT", 2)
    async with world(tmp_path) as test:
        test.start()
        await test.idle()
        await test.ring_together(1, 2, 3, 4, 5)
        await test.idle()
        assert await of(test).replay(EVERYTHING, NAME, dry_run=True, limit=3) == Replayed(3, 3, 0, more=True)
        assert await of(test).replay(EVERYTHING, NAME, dry_run=True, limit=5) == Replayed(5, 5, 0, more=False)
        assert await of(test).replay(EVERYTHING, NAME, dry_run=False, limit=4) == Replayed(4, 4, 0, more=True)
        await test.idle()
        assert test.heard == [1, 2, 3, 4, 5, 1, 2, 3, 4]
        assert await test.rows() == []


async def test_what_is_replayed_while_its_first_handling_ends_is_handled_again(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        gate = asyncio.Event()

        async def linger(delivery: Delivery[Rang]) -> None:
            await test.hall.acknowledge(delivery.acknowledgement, lambda tx: None)
            test.heard.append(delivery.event.number)
            await gate.wait()

        test.handler = linger
        listener = test.start()
        await test.idle()
        await test.ring(1)
        await test.until(lambda: test.heard == [1])
        assert (await of(test).replay(EVERYTHING, NAME, dry_run=False)).queued == 1
        await test.until(lambda: listener._hungry)
        gate.set()
        await test.until(lambda: test.heard == [1, 1])
        await test.idle()
        assert await test.rows() == []


async def test_nothing_is_replayed_to_a_listener_that_never_opened(tmp_path: Path) -> None:
    async with world(tmp_path) as test:
        await test.ring(1)
        test.listener = test.listener_of(Rang, NAME, {})
        assert await of(test).replay(EVERYTHING, NAME, dry_run=False) == Replayed(1, 0, 1, more=False)
        assert await test.system.read(deliveries.standing, NAME, 1) is None
