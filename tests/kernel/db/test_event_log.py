"""History: what was recorded, found again by pattern, time, source and chain."""

import sqlite3
from datetime import timedelta

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from tests.kernel.db.world import NOTES, Noted, World, run_sql
from tests.support.clock import FakeClock

from vivesphere.kernel import principals
from vivesphere.kernel.bus.errors import TopicInvalid
from vivesphere.kernel.bus.messages import Envelope, Event
from vivesphere.kernel.bus.topics import matches
from vivesphere.kernel.cause import Cause
from vivesphere.kernel.db import event_log
from vivesphere.kernel.db.errors import AccessDenied
from vivesphere.kernel.db.event_log import HistoryQuery, RecordedEvent
from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.ids import new_id

START = FakeClock().now()
BOTS = principals.module("bots")
TOPICS = ("bots.message.received", "bots.message.sent", "bots", "bots-too.message.sent", "plans.run.completed", "bots.a.b.c")


def envelope(topic: str, seconds: float = 0, **cause: str) -> Envelope[Event]:
    by = Cause(**{"source": BOTS, "actor": BOTS} | cause)  # type: ignore[arg-type]  # the fields are strings here
    return Envelope(id=new_id(), topic=topic, time=START + timedelta(seconds=seconds), cause=by, payload=Noted(body=topic))


def record(tx: Unit, *envelopes: Envelope[Event]) -> None:
    """Write events straight into the log, under causes that a unit of work would not have."""
    for each in envelopes:
        cause = msgspec.structs.asdict(each.cause) | {"mode": each.cause.mode.value}
        tx.execute(
            sa.insert(event_log.log), {"id": each.id, "topic": each.topic, "time": each.time, "payload": each.payload} | cause
        )


async def recorded(world: World, *envelopes: Envelope[Event]) -> None:
    await world.system.write(record, *envelopes)


async def found(world: World, limit: int = 50, **query: object) -> list[RecordedEvent]:
    page = await world.system.read(event_log.history, HistoryQuery(**query), limit)  # type: ignore[arg-type]  # by name
    return list(page.items)


async def test_what_was_recorded_is_read_back_newest_first(world: World) -> None:
    sent = [envelope(topic, number) for number, topic in enumerate(TOPICS)]
    await recorded(world, *sent)
    kept = await found(world)
    assert [each.id for each in kept] == [each.id for each in reversed(sent)]
    oldest, cause = kept[-1], sent[0].cause
    assert (oldest.seq, oldest.topic, oldest.time, oldest.payload) == (1, TOPICS[0], START, {"body": TOPICS[0]})
    assert (oldest.source, oldest.actor, oldest.mode, oldest.hop) == (cause.source, cause.actor, cause.mode, cause.hop)
    assert (oldest.project, oldest.correlation_id, oldest.causation_id) == (cause.project, cause.correlation_id, None)


async def test_a_seq_is_never_given_twice(world: World) -> None:
    await recorded(world, envelope("bots"), envelope("bots"))
    await world.system.write(run_sql, "DELETE FROM event_log")
    await recorded(world, envelope("bots"))
    assert [each.seq for each in await found(world)] == [3]


async def test_only_the_kernel_records(world: World) -> None:
    with pytest.raises(AccessDenied):
        await world.notes.write(record, envelope("bots"))


@pytest.mark.parametrize(
    "pattern",
    ["bots.message.sent", "bots.>", "bots.*", "*.message.sent", "bots.message.*", "*", ">", "*.>", "bots.*.b.>", "none.>"],
)
async def test_a_pattern_finds_what_the_bus_would_deliver(world: World, pattern: str) -> None:
    await recorded(world, *(envelope(topic) for topic in TOPICS))
    assert [each.topic for each in await found(world, pattern=pattern)] == [
        topic for topic in reversed(TOPICS) if matches(pattern, topic)
    ]


token = st.text("ab-_0", min_size=1, max_size=2)
topics = st.lists(token, min_size=1, max_size=4).map(".".join)
patterns = st.tuples(st.lists(token | st.just("*"), max_size=3), st.sampled_from(["*", ">", "a"])).map(
    lambda parts: ".".join([*parts[0], parts[1]])
)


@given(pattern=patterns, topic=topics)
def test_the_database_narrows_without_losing_a_topic(pattern: str, topic: str) -> None:
    conditions = event_log._topic_conditions(pattern)
    row = sqlite3.connect(":memory:")
    narrowed = all(
        row.execute(
            f"SELECT :topic {str(each).split()[1]} :bound",
            {"topic": topic, "bound": each.right.value},
        ).fetchone()[0]
        for each in conditions
    )
    row.close()
    if matches(pattern, topic):
        assert narrowed
    elif "*" not in pattern:
        assert not narrowed, "without a star the database's answer is taken as it is"


async def test_time_source_project_and_chain_narrow_together(world: World) -> None:
    await recorded(
        world,
        envelope("bots", 0, correlation_id="a"),
        envelope("bots", 1, correlation_id="a", source=NOTES),
        envelope("bots", 2, correlation_id="b", project="garden"),
    )

    async def seqs(**query: object) -> list[int]:
        return [each.seq for each in await found(world, **query)]  # type: ignore[arg-type]  # by name

    assert await seqs(since=START + timedelta(seconds=1)) == [3, 2]
    assert await seqs(until=START + timedelta(seconds=1)) == [1]
    assert await seqs(source=NOTES) == [2]
    assert await seqs(project="garden") == [3]
    assert await seqs(correlation_id="a") == [2, 1]
    assert await seqs(correlation_id="a", source=BOTS, pattern="bots") == [1]


@pytest.mark.parametrize("pattern", [">", "bots.*"])
async def test_pages_go_on_where_the_last_one_ended(world: World, pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "SCAN", 3)
    await recorded(world, *(envelope("bots.one" if number % 3 else "bots.two.three") for number in range(11)))
    before, seen = None, list[int]()
    for _ in range(20):
        page = await world.system.read(event_log.history, HistoryQuery(pattern=pattern, before=before), 2)
        assert len(page.items) <= 2
        seen += [each.seq for each in page.items]
        if (before := page.next_before) is None:
            break
    assert before is None
    assert seen == [number + 1 for number in reversed(range(11)) if pattern == ">" or number % 3]


async def test_a_bad_pattern_is_refused(world: World) -> None:
    for pattern in ("", "a..b", ">.a", "A"):
        with pytest.raises(TopicInvalid):
            await found(world, pattern=pattern)
